//go:build race

package main

// raceFlags build the binary under test as make race builds the test itself.
var raceFlags = []string{"-race", "-gcflags=modernc.org/sqlite/lib=-race=false -d=checkptr=0"}
