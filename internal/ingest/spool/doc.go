// Package spool keeps webhooks in local files while the database is away. What [Spool.Append] has returned for is on
// disk; [Spool.Read] and [Spool.Drained] take it out again, in the order in which it went in, and what was taken out
// but not yet reported as drained comes again after a crash. It knows no database and decides nothing about webhooks.
//
// # Files
//
// The directory holds segments, "<number>-<salt>.spool", perhaps a file beside each, a position, and a lock. A segment
// begins with the 16 bytes "webhookd spool 1"; then records follow, each in a frame (numbers are big-endian):
//
//	4 bytes  marker F7 77 68 72
//	4 bytes  length of the payload
//	4 bytes  CRC-32C of salt (8 bytes), offset of the frame in the file (8), length (4) and payload
//	n bytes  payload: kind (1), received_at in Unix microseconds (8), account, of a refused body also flags (1), code
//	         and reason, then the body to the end; account, code and reason have their length before them (uvarint)
//
// "<number>-<salt>.traces" says which records of a segment are traced (traces.go has its form). It is there only if some
// are. A version that knows nothing of it drains the segment as it always did, and leaves the file; Open removes one whose
// segment is gone. So the form of segments is the same with and without traces, and whichever version reads what another
// one wrote loses at most traces.
//
// Salt and offset are in the checksum so that a frame is one only where it was written: bytes of a body that look like a
// frame, made so on purpose or left over from elsewhere, are never taken for a record, not even when the frame around
// them is damaged. The salt is random, and in the file's name, which survives when the file's first block does not.
//
// # What may go wrong
//
// A crash in the middle of a write leaves an unfinished frame, or zeros, at the end of the newest segment; nobody was
// told that it is kept, and Open cuts it off. A segment found at Open is never appended to. Damage anywhere else is told
// as an error; the reader goes on at the next whole frame, and the segment, once drained, is not removed but renamed to
// "*.corrupt" for people to look at. Renamed back, it is read again at the next Open, which does no harm: what is in the
// journal already is a duplicate. A file whose write or fsync failed is cut back to what was on disk before, and not
// written to again; the batch is reported as not kept.
package spool
