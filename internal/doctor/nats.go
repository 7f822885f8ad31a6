package doctor

import (
	"strconv"
	"strings"
	"time"
)

const (
	leastPayload = 512 << 10 // bytes
	leastAge     = time.Hour
	leastWindow  = 2 * time.Minute
	fullTenths   = 9
)

func (r *report) nats(n NATS) {
	switch {
	case n.Embedded && n.Stopped:
		r.addf("nats_stopped", "The embedded NATS server (%s) runs inside the service, and does not run now.", n.Where)
		return
	case n.Trouble == Unreachable:
		r.addf("nats_unreachable", "NATS at %s cannot be reached: %s.", n.Where, n.Problem)
		return
	case n.Trouble == Refused:
		r.addf("nats_refused", "NATS at %s does not let us in: %s.", n.Where, n.Problem)
		return
	case n.Trouble != Fine:
		r.addf("nats_broken", "NATS at %s cannot be used: %s.", n.Where, n.Problem)
		return
	}
	before := len(r.findings)
	r.broker(n)
	if !r.bad(before) {
		kind := "NATS at"
		if n.Embedded {
			kind = "The embedded NATS at"
		}
		alone := "alone"
		if n.Cluster != "" {
			alone = "in the cluster " + n.Cluster + ", of which " + strconv.Itoa(n.Servers) + " servers are known"
		}
		r.addf("nats_ok", "%s %s answers (version %s, %s), with JetStream.", kind, n.Where, n.Version, alone)
	}
	if n.JetStream != Fine {
		return
	}
	r.stream(n, n.Stream, n.Subjects)
	r.stream(n, n.Bucket, "")
}

func (r *report) broker(n NATS) {
	if n.JetStream != Fine {
		r.addf("jetstream_off", "JetStream is not to be had at %s: %s. Nothing can be published.", n.Where, n.JSProblem)
	}
	if older(n.Version, 2, 11) {
		r.addf("nats_version", "NATS at %s has version %s: before 2.11 removed keys of the bucket stay as markers.",
			n.Where, n.Version)
	}
	if n.MaxPayload > 0 && n.MaxPayload < leastPayload {
		r.addf("nats_payload", "A message may have %s at most: events of large calls will be refused and set aside.",
			size(n.MaxPayload))
	}
	if n.MaxStorage > 0 && n.Storage*tenth >= n.MaxStorage*fullTenths {
		r.addf("jetstream_storage", "JetStream's account has %s of the %s that it may: publishing will fail.", size(n.Storage),
			size(n.MaxStorage))
	}
	switch {
	case n.Replicas > 1 && n.Cluster == "":
		r.addf("replicas_too_many", "nats_replicas is %d, but the server at %s is in no cluster: the stream cannot be made.",
			n.Replicas,
			n.Where)
	case n.tooFew():
		r.addf("replicas_too_many", "nats_replicas is %d, but the cluster %s tells of %d servers only: the stream cannot be made.",
			n.Replicas, n.Cluster, n.Servers)
	}
}

// tooFew says whether the cluster has fewer servers than copies are wanted. One that does not tell of all its servers, and
// has that many copies already, has them.
func (n NATS) tooFew() bool {
	return n.Servers > 0 && n.Replicas > max(n.Servers, n.Stream.Replicas)
}

// stream judges a stream; subjects is what it must take, empty for the bucket, which NATS itself makes right.
func (r *report) stream(n NATS, s Stream, subjects string) {
	before := len(r.findings)
	switch {
	case s.Problem != "":
		r.addf("stream_unknown", "Stream %s could not be asked for: %s.", s.Name, s.Problem)
		return
	case s.Missing && n.Replicas > 1 && (n.Cluster == "" || n.tooFew()):
		r.addf("stream_missing", "Stream %s is not there yet, and cannot be made with %d copies.", s.Name, n.Replicas)
		return
	case s.Missing:
		r.addf("stream_missing", "Stream %s is not there yet: the service makes it.", s.Name)
		return
	}
	if subjects != "" {
		r.events(s, subjects)
	}
	if s.Sealed {
		r.addf("stream_sealed", "Stream %s is sealed: nothing can be published.", s.Name)
	}
	if s.NoAck {
		r.addf("stream_no_ack", "Stream %s does not confirm messages: webhookd waits for that, and publishes nothing more.", s.Name)
	}
	if s.Memory {
		r.addf("stream_memory", "Stream %s is kept in memory: what it holds is gone when the servers stop.", s.Name)
	}
	if s.MaxSize > 0 && s.MaxSize < leastPayload {
		r.addf("stream_message_size",
			"Stream %s takes messages of %s at most: events of large calls will be refused and set aside.",
			s.Name, size(s.MaxSize))
	}
	r.copies(n, s)
	if !r.bad(before) {
		r.addf("stream_ok", "Stream %s is there: %d messages, %s, kept for %s, copies: %d.", s.Name, s.Messages, size(s.Bytes),
			kept(s.MaxAge), s.Replicas)
	}
}

// events judges what matters for the stream of the events only.
func (r *report) events(s Stream, subjects string) {
	if !s.Covers {
		r.addf("stream_subjects", "Stream %s takes %s, and not all of %s: events cannot be published.",
			s.Name, list(s.Subjects), subjects)
	}
	if !s.Limits {
		r.addf("stream_retention", "Stream %s drops messages when they are read, or when nobody waits for them: readers that come "+
			"later miss events.", s.Name)
	}
	bounded := s.MaxBytes > 0 || s.MaxMsgs > 0
	if s.Discard && bounded {
		r.addf("stream_discard", "Stream %s refuses new messages when it is full: events will wait in the outbox from then on.",
			s.Name)
	}
	if s.MaxAge > 0 && s.MaxAge < leastAge {
		r.addf("stream_short", "Stream %s keeps messages for %s only: a reader that is away for longer misses events.",
			s.Name, s.MaxAge)
	}
	if s.Window < leastWindow {
		r.addf("stream_window",
			"Stream %s knows a message by its id for %s only: events that are sent again after an outage may be "+
				"there twice.", s.Name, s.Window)
	}
	if s.Discard && (s.MaxBytes > 0 && s.Bytes >= uint64(s.MaxBytes)/tenth*fullTenths ||
		s.MaxMsgs > 0 && s.Messages >= uint64(s.MaxMsgs)/tenth*fullTenths) {
		r.addf("stream_full", "Stream %s is nearly full (%s, %d messages).", s.Name, size(s.Bytes), s.Messages)
	}
}

func (r *report) copies(n NATS, s Stream) {
	if !s.Leader {
		r.addf("stream_no_leader", "Stream %s has no leader: nothing can be published until it has one.", s.Name)
	}
	switch {
	case n.Embedded:
	case s.Replicas < n.Replicas:
		r.addf("stream_replicas", "%d copies of %s are kept, and nats_replicas is %d: a stream that is there keeps what it has.",
			s.Replicas,
			s.Name, n.Replicas)
	case s.Replicas == 1 && n.Cluster != "":
		r.addf("stream_replicas",
			"Of %s there is one copy only, in a cluster: when its server is away nothing is published, and when "+
				"its disk is lost so is the stream.", s.Name)
	}
	if len(s.Behind) > 0 {
		r.addf("stream_lame", "Copies of %s are away or behind: %s.", s.Name, list(s.Behind))
	}
}

func kept(age time.Duration) string {
	const day = 24 * time.Hour
	switch {
	case age <= 0:
		return "ever"
	case age%day == 0:
		return strconv.Itoa(int(age/day)) + " d"
	default:
		return age.String()
	}
}

// older says whether a version "2.10.4" is before major.minor. One that cannot be read is not.
func older(version string, major, minor int) bool {
	parts := strings.SplitN(strings.TrimPrefix(version, "v"), ".", 3)
	if len(parts) < 2 {
		return false
	}
	first, err := strconv.Atoi(parts[0])
	second, secondErr := strconv.Atoi(parts[1])
	if err != nil || secondErr != nil {
		return false
	}
	return first < major || first == major && second < minor
}
