// Package natsapi answers questions about calls that come over NATS: what the read API says over HTTP, for clients that
// have a NATS connection already. It says what requests and answers look like; how they travel is natsbus's, and what is
// kept the store's.
package natsapi

import (
	"context"
	"encoding/json"
	"errors"
	"net/url"
	"regexp"
	"strings"
	"time"

	"webhookd/internal/flow"
	"webhookd/internal/natsbus"
	"webhookd/internal/store"
)

// Names on NATS. They are a contract with every client.
const (
	// ServiceName is the name of the service; instances of it share the requests.
	ServiceName = "webhookd"

	subjectGet    = "webhookd.calls.get"
	subjectActive = "webhookd.calls.active"
	subjectStats  = "webhookd.calls.stats"
)

const (
	defaultAccount = "default"
	requestTimeout = 10 * time.Second
)

// saneAccount is what an account's name looks like, as everywhere.
var saneAccount = regexp.MustCompile(`^[A-Za-z0-9_-]{1,64}$`)

// Reader is the part of store.Reader that the API needs.
type Reader interface {
	Call(ctx context.Context, key store.Key) (store.Call, error)
	Calls(ctx context.Context, filter store.CallFilter) ([]store.Call, error)
}

// Config is what an [API] works on.
type Config struct {
	Reader Reader
	// Stats answers calls.stats for an account: the parameters are those of GET /v1/stats, and so is the answer. A
	// *natsbus.ServiceError says what is wrong with them. nil: there is no such endpoint.
	Stats func(ctx context.Context, account string, query url.Values) (json.RawMessage, error)
	// Room is how many bytes an answer may have; nil: any number.
	Room    func() int64
	Version string
}

// API answers requests.
type API struct{ cfg Config }

// New makes an API.
func New(cfg Config) *API { return &API{cfg: cfg} }

// Service says what is answered where.
func (a *API) Service() natsbus.Service {
	service := natsbus.Service{
		Name: ServiceName, Version: a.cfg.Version, Description: "calls of a PBX, worked out from its webhooks",
	}
	offer := func(name, subject, what string, answer answerFunc) {
		service.Endpoints = append(service.Endpoints,
			natsbus.Endpoint{Name: name, Subject: subject, Description: what, Answer: a.timed(subject, answer)},
			natsbus.Endpoint{
				Name: name + "-account", Subject: subject + ".*", Description: what + ", of the account in the subject",
				Answer: a.timed(subject, answer),
			})
	}
	offer("calls-get", subjectGet, "one call's record", a.get)
	offer("calls-active", subjectActive, "the calls that are open", a.active)
	if a.cfg.Stats != nil {
		offer("calls-stats", subjectStats, "figures of a time", a.stats)
	}
	return service
}

// answerFunc answers a request of an account.
type answerFunc func(ctx context.Context, account string, data []byte) ([]byte, error)

// timed bounds an answer, finds whose it is, and puts its errors into words.
func (a *API) timed(base string, answer answerFunc) func(context.Context, string, []byte) ([]byte, error) {
	return func(ctx context.Context, subject string, data []byte) ([]byte, error) {
		ctx, cancel := context.WithTimeout(ctx, requestTimeout)
		defer cancel()
		account, err := accountOf(base, subject, data)
		if err != nil {
			return nil, err
		}
		body, err := answer(ctx, account, data)
		if errors.Is(err, store.ErrUnavailable) || errors.Is(err, context.DeadlineExceeded) || errors.Is(err, context.Canceled) {
			return nil, &natsbus.ServiceError{
				Code: 503, Cause: err,
				Description: "The database cannot be asked right now. Nothing was lost or changed; ask again later.",
			}
		}
		return body, err
	}
}

// accountOf finds whose data is asked for: the account in the subject, so that NATS's permissions can bind a client to
// it, or where the subject has none the one in the request.
func accountOf(base, subject string, data []byte) (string, error) {
	var asked struct {
		Account *string `json:"account"`
	}
	if err := decode(data, &asked, false); err != nil {
		return "", err
	}
	bound, inSubject := strings.CutPrefix(subject, base+".")
	switch {
	case inSubject && asked.Account != nil && flow.Token(*asked.Account) != bound:
		return "", invalid("The account in the request is not the one in the subject. Leave it out of the request.")
	case inSubject:
		return checked(flow.Text(bound))
	case asked.Account == nil:
		return defaultAccount, nil
	}
	return checked(*asked.Account, true)
}

func checked(account string, ok bool) (string, error) {
	if !ok || !saneAccount.MatchString(account) {
		return "", invalid("An account's name has 1 to 64 letters, digits, _ or -.")
	}
	return account, nil
}

func invalid(description string) error {
	return &natsbus.ServiceError{Code: 400, Description: description}
}

// decode reads a request, which may be empty. What is misspelt must not be ignored: the answer would look like one to
// the question that was meant.
func decode(data []byte, into any, strict bool) error {
	if strings.TrimSpace(string(data)) == "" {
		return nil
	}
	decoder := json.NewDecoder(strings.NewReader(string(data)))
	if strict {
		decoder.DisallowUnknownFields()
	}
	if err := decoder.Decode(into); err != nil {
		if key, unknown := strings.CutPrefix(err.Error(), "json: unknown field "); unknown {
			return invalid("This request has no key " + key + ".")
		}
		return invalid("The request is not a JSON object of the form that docs/nats-events.md describes.")
	}
	return nil
}
