package natsbus

import (
	"context"
	"errors"
	"fmt"
	"regexp"
	"strconv"
	"strings"
	"sync"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/micro"
)

// atOnce is how many requests an instance answers at once; more are told to come again.
const atOnce = 32

// codeBusy is what those are answered.
const codeBusy = 503

// inbox is how a subject begins on which a client hears answers. NATS lets a client name any, also one that it may not
// publish to itself, and the answer would go there with our rights: into a stream, or to JetStream's API.
const inbox = "_INBOX."

// semantic is what the version of a service must look like; that of a build by hand does not.
var semantic = regexp.MustCompile(`^v?(\d+\.\d+\.\d+(?:[-+][0-9A-Za-z.+-]+)?)$`)

// Service is what answers requests on NATS, in the form that `nats micro` lists. Instances of one name share the
// requests.
type Service struct {
	Name        string
	Version     string
	Description string
	Endpoints   []Endpoint
}

// Endpoint is one of its subjects, in which * stands for one token.
type Endpoint struct {
	Name        string // letters, digits, _ and -
	Subject     string
	Description string
	// Answer gives the answer; a *ServiceError is told as it is, any other error is logged and told as internal. data is
	// not to be kept.
	Answer func(ctx context.Context, subject string, data []byte) ([]byte, error)
}

// ServiceError is an error with an answer for whoever asked.
type ServiceError struct {
	Code        int    // as of HTTP
	Description string // what happened and what to do; it says nothing internal
	Cause       error  // for the log only
}

func (e *ServiceError) Error() string {
	if e.Cause != nil {
		return e.Description + ": " + e.Cause.Error()
	}
	return e.Description
}

func (e *ServiceError) Unwrap() error { return e.Cause }

// Serve answers requests until ctx is done, and returns when the last one is answered. It need not wait for NATS.
func (b *Bus) Serve(ctx context.Context, service Service) error {
	version, metadata := "0.0.0", map[string]string{"version": service.Version}
	if found := semantic.FindStringSubmatch(service.Version); found != nil {
		version = found[1]
	}
	added, err := micro.AddService(b.conn, micro.Config{
		Name: service.Name, Version: version, Description: service.Description, Metadata: metadata,
	})
	if err != nil {
		return fmt.Errorf("offer service %s: %w", service.Name, err)
	}
	var answering sync.WaitGroup
	places := make(chan struct{}, atOnce)
	for i := range service.Endpoints {
		endpoint := &service.Endpoints[i]
		handler := micro.HandlerFunc(func(request micro.Request) {
			if !strings.HasPrefix(request.Reply(), inbox) {
				b.log.Debug("request on nats with a reply subject that is no inbox", "endpoint", endpoint.Name)
				return
			}
			select {
			case places <- struct{}{}:
			default:
				b.refuse(request, &ServiceError{
					Code: codeBusy, Description: "Too many requests are being answered. Nothing was done; ask again.",
				})
				return
			}
			answering.Go(func() {
				defer func() { <-places }()
				b.answer(context.WithoutCancel(ctx), endpoint, request) // what has begun is answered
			})
		})
		if err := added.AddEndpoint(endpoint.Name, handler, micro.WithEndpointSubject(endpoint.Subject),
			micro.WithEndpointMetadata(map[string]string{"description": endpoint.Description})); err != nil {
			return errors.Join(fmt.Errorf("offer service %s: %w", service.Name, err), added.Stop())
		}
	}
	<-ctx.Done()
	err = added.Stop()
	answering.Wait()
	if err != nil && !errors.Is(err, nats.ErrConnectionClosed) && !errors.Is(err, nats.ErrConnectionReconnecting) &&
		!errors.Is(err, nats.ErrConnectionDraining) {
		return fmt.Errorf("end service %s: %w", service.Name, err)
	}
	return nil
}

// answer answers one request.
func (b *Bus) answer(ctx context.Context, endpoint *Endpoint, request micro.Request) {
	body, err := endpoint.Answer(ctx, request.Subject(), request.Data())
	if err == nil && int64(len(body)) > b.conn.MaxPayload() {
		err = &ServiceError{Code: 413, Description: "The answer is larger than NATS takes. Ask for less, or over HTTP."}
	}
	if err != nil {
		told, known := errors.AsType[*ServiceError](err)
		if !known {
			told = &ServiceError{
				Code: 500, Description: "Something failed that should not have. It is in the server's log.", Cause: err,
			}
		}
		if told.Cause != nil {
			b.log.Warn("request on nats not answered", "endpoint", endpoint.Name, "error", told.Cause)
		}
		b.reply(endpoint, request.Reply(), &nats.Msg{Header: nats.Header{
			micro.ErrorHeader: {told.Description}, micro.ErrorCodeHeader: {strconv.Itoa(told.Code)},
		}})
		return
	}
	b.reply(endpoint, request.Reply(), &nats.Msg{Data: body})
}

// reply sends an answer by hand. The request's own methods note what became of it in the request, which the library reads
// when its handler has returned: that is long before an answer is ready.
func (b *Bus) reply(endpoint *Endpoint, to string, msg *nats.Msg) {
	msg.Subject = to
	if err := b.conn.PublishMsg(msg); err != nil { // also where nobody waits for an answer
		b.log.Debug("answer on nats not sent", "endpoint", endpoint.Name, "error", err)
	}
}

// refuse answers within the library's handler.
func (b *Bus) refuse(request micro.Request, told *ServiceError) {
	if err := request.Error(strconv.Itoa(told.Code), told.Description, nil); err != nil {
		b.log.Debug("answer on nats not sent", "error", err)
	}
}

// Room is how large a message may be, in bytes; 0 where that is not known yet.
func (b *Bus) Room() int64 { return b.conn.MaxPayload() }
