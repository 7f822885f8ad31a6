// Package doctor judges an installation: it takes what was found out about the set-up, the clock, the disk, the
// database, NATS, the ports and the limits of a process, and says in words what is well, what is weak and what does not
// work, and how to mend it. It is pure: package checkup finds things out, and `webhookd doctor` prints what comes of it.
//
// Every finding there can be stands in one table (table.go) and in docs/doctor.md; a test compares the two.
package doctor
