// Package simulate is a PBX that does not exist: it makes up calls of every kind and sends their webhooks to a webhookd,
// with the payloads, the losses, the repeats and the delays of the real one. Benchmarks, demonstrations and the chaos
// run get their load from it.
//
// The calls are a pure function of a seed ([Generator]): the same seed gives the same calls, byte for byte but for the
// ids, which differ from run to run unless the run is given too. What is done to them on the way ([Faults], [Retry])
// is decided by the same seed. Sending ([Simulator]) is made to cost little, for the sender shares its machine with the
// service that it measures: a connection is a goroutine with its own calls, and a request is one write and one read.
//
// It knows nothing of what becomes of a webhook inside webhookd.
package simulate
