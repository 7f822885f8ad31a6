package natsbus

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"io"
	"net"
	"net/url"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"webhookd/internal/doctor"
	"webhookd/internal/flow"
)

// Inspection is what Inspect finds: the facts of NATS, and its clock compared with this machine's.
type Inspection struct {
	doctor.NATS

	Told  bool          // the server told its time
	Ahead time.Duration // of this machine's clock; negative: behind it
	Blur  time.Duration // how far Ahead may be wrong
}

// inspectTimeout bounds each question.
const inspectTimeout = 5 * time.Second

// Inspect finds out what there is to know of the NATS at config.URL, which may be the embedded server of another process,
// and makes nothing there. It tries once to connect.
func Inspect(ctx context.Context, config Config, embedded bool) Inspection {
	found := Inspection{NATS: doctor.NATS{
		Where: redact(config.URL), Embedded: embedded, Replicas: max(1, config.Replicas), Subjects: flow.StreamSubjects,
	}}
	if embedded {
		_, found.Where, _ = strings.Cut(found.Where, "://")
	}
	options := []nats.Option{nats.Name("webhookd doctor"), nats.Timeout(inspectTimeout), nats.NoReconnect()}
	login, err := config.Login()
	if err != nil {
		found.Trouble, found.Problem = doctor.Broken, err.Error()
		return found
	}
	conn, err := nats.Connect(config.URL, append(options, login...)...)
	if err != nil {
		found.Trouble, found.Problem = natsTrouble(err), strings.TrimPrefix(err.Error(), "nats: ")
		return found
	}
	defer conn.Close()
	found.Version, found.Cluster, found.MaxPayload = conn.ConnectedServerVersion(), conn.ConnectedClusterName(), conn.MaxPayload()
	found.Servers = servers(ctx, conn.Servers())
	js, err := jetstream.New(conn)
	if err != nil {
		found.JetStream, found.JSProblem = doctor.Broken, err.Error()
		return found
	}
	asking, cancel := context.WithTimeout(ctx, inspectTimeout)
	defer cancel()
	account, err := js.AccountInfo(asking)
	if err != nil {
		found.JetStream, found.JSProblem = doctor.Broken, strings.TrimPrefix(err.Error(), "nats: ")
		return found
	}
	found.Storage, found.MaxStorage = int64(min(account.Store, 1<<62)), account.Limits.MaxStore
	found.Stream = found.stream(ctx, js, flow.StreamName)
	found.Bucket = found.stream(ctx, js, bucketStream)
	return found
}

// servers counts the servers behind addresses, of which one server may have several. An address that does not say whose it
// is counts as a server of its own.
func servers(ctx context.Context, urls []string) int {
	ctx, cancel := context.WithTimeout(ctx, inspectTimeout)
	defer cancel()
	names := make([]string, len(urls))
	var all sync.WaitGroup
	for i, address := range urls {
		all.Go(func() {
			names[i] = address
			if parsed, err := url.Parse(address); err == nil && parsed.Scheme != "ws" && parsed.Scheme != "wss" {
				if id := serverID(ctx, parsed.Host); id != "" {
					names[i] = id
				}
			}
		})
	}
	all.Wait()
	slices.Sort(names)
	return len(slices.Compact(names))
}

// serverID reads what a server says first to everybody, before anybody logs in; "" if it says nothing.
func serverID(ctx context.Context, address string) string {
	const most = 64 << 10
	conn, err := new(net.Dialer).DialContext(ctx, "tcp", address)
	if err != nil {
		return ""
	}
	defer func() { _ = conn.Close() }()
	if deadline, ok := ctx.Deadline(); ok {
		_ = conn.SetDeadline(deadline)
	}
	line, _ := bufio.NewReader(io.LimitReader(conn, most)).ReadString('\n')
	var info struct {
		ID string `json:"server_id"`
	}
	if told, ok := strings.CutPrefix(line, "INFO "); !ok || json.Unmarshal([]byte(told), &info) != nil {
		return ""
	}
	return info.ID
}

func natsTrouble(err error) doctor.Trouble {
	switch {
	case errors.Is(err, nats.ErrAuthorization), errors.Is(err, nats.ErrAuthExpired), errors.Is(err, nats.ErrAuthRevoked),
		errors.Is(err, nats.ErrAccountAuthExpired):
		return doctor.Refused
	case errors.Is(err, nats.ErrNoServers), errors.Is(err, nats.ErrTimeout):
		return doctor.Unreachable
	default:
		return doctor.Broken
	}
}

// stream asks for a stream, and for the time on the way.
func (found *Inspection) stream(ctx context.Context, js jetstream.JetStream, name string) doctor.Stream {
	ctx, cancel := context.WithTimeout(ctx, inspectTimeout)
	defer cancel()
	asked := time.Now()
	handle, err := js.Stream(ctx, name)
	took := time.Since(asked)
	switch {
	case errors.Is(err, jetstream.ErrStreamNotFound):
		return doctor.Stream{Name: name, Missing: true}
	case err != nil:
		return doctor.Stream{Name: name, Problem: strings.TrimPrefix(err.Error(), "nats: ")}
	}
	info := handle.CachedInfo()
	if !info.TimeStamp.IsZero() && !found.Told {
		found.Told, found.Blur = true, took/2
		found.Ahead = info.TimeStamp.Sub(asked.Add(found.Blur))
	}
	config := info.Config
	s := doctor.Stream{
		Name: name, Subjects: config.Subjects, Memory: config.Storage == jetstream.MemoryStorage,
		Limits: config.Retention == jetstream.LimitsPolicy, Discard: config.Discard == jetstream.DiscardNew,
		NoAck: config.NoAck, Sealed: config.Sealed, Replicas: max(1, config.Replicas), MaxAge: config.MaxAge,
		Window: config.Duplicates, Bytes: info.State.Bytes, MaxBytes: config.MaxBytes, Messages: info.State.Msgs,
		MaxMsgs: config.MaxMsgs, MaxSize: config.MaxMsgSize, Leader: true,
	}
	for _, subject := range config.Subjects {
		s.Covers = s.Covers || covers(subject, found.Subjects)
	}
	if info.Cluster != nil {
		s.Leader = info.Cluster.Leader != ""
		for _, replica := range info.Cluster.Replicas {
			if replica.Offline || !replica.Current {
				s.Behind = append(s.Behind, replica.Name)
			}
		}
	}
	return s
}
