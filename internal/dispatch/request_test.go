package dispatch_test

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"webhookd/internal/callout"
	"webhookd/internal/dispatch"
	"webhookd/internal/store"
)

// receiver is somebody who is called. It remembers what it got.
type receiver struct {
	*httptest.Server

	mu  sync.Mutex
	got []received
}

type received struct {
	method, path string
	header       http.Header
	body         string
}

// receive makes a receiver. answer gets the number of the request, from 1.
func receive(t *testing.T, answer func(n int, w http.ResponseWriter, r *http.Request)) *receiver {
	t.Helper()
	to := &receiver{}
	to.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		to.mu.Lock()
		to.got = append(to.got, received{r.Method, r.URL.String(), r.Header.Clone(), string(body)})
		n := len(to.got)
		to.mu.Unlock()
		answer(n, w, r)
	}))
	t.Cleanup(to.Close)
	return to
}

func (to *receiver) requests() []received {
	to.mu.Lock()
	defer to.mu.Unlock()
	return append([]received{}, to.got...)
}

func status(code int) func(int, http.ResponseWriter, *http.Request) {
	return func(_ int, w http.ResponseWriter, _ *http.Request) { w.WriteHeader(code) }
}

// calls is a handler that calls an address.
func calls(address, more string) string {
	return fmt.Sprintf(`
  - name: calls
    on: call_missed
    do:
      - type: call_webhook
        method: POST
        url: %s/missed?number=${contact.number}
        body: {call: "${call.call_uuid}", missed: "${call.missed}"}
        result_name: CRM
%s`, address, more)
}

func TestACallOutThatSucceeds(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, in *installation) {
		to := receive(t, func(_ int, w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, `{"ticket":42}`) })
		in.handlers(t, calls(to.URL, "")+`
  - {name: chained, on: webhook_called, when: event.data.status == "success", do: [{type: send_msg, text: "answered ${event.data.status_code}"}]}
`)
		missed := call{1, customer, noon}
		in.take(t, missed.missed(9*time.Second)...)
		require.Empty(t, in.texts(t), "it is not made in the transaction")
		require.Empty(t, to.requests())
		require.Equal(t, 1, in.left(t, store.DueRequest))
		in.work(t)

		got := to.requests()
		require.Len(t, got, 1)
		require.Equal(t, "POST", got[0].method)
		require.Equal(t, "/missed?number=%2B48503200104", got[0].path)
		require.JSONEq(t, fmt.Sprintf(`{"call":%q,"missed":"true"}`, missed.id()), got[0].body)
		require.Equal(t, "application/json", got[0].header.Get("Content-Type"))
		require.NotEmpty(t, got[0].header.Get("Webhook-Id"))

		events := in.actions(t)
		require.Len(t, events, 3)
		called := events[0]
		require.Equal(t, "webhook_called", called.Type)
		require.Equal(t, "success", called.Status)
		require.Equal(t, 200, called.Code)
		require.Zero(t, called.Retries)
		require.Contains(t, called.Request, "POST /missed?number=%2B48503200104 HTTP/1.1\r\n")
		require.Contains(t, called.Response, `{"ticket":42}`)
		require.Equal(t, missed.id(), called.Data.Call.CallUUID)
		require.Equal(t, "call_missed", called.Data.Trigger.EventType)
		require.Equal(t, "run_result_changed", events[1].Type)
		require.Equal(t, "CRM", events[1].Name)
		require.Equal(t, "200", events[1].Value)
		require.Equal(t, "Success", events[1].Category)
		require.Contains(t, events[1].body, `"extra":{"ticket":42}`)
		require.Equal(t, "answered 200", events[2].Msg.Text)
		require.Equal(t, 2, events[2].Data.Trigger.Depth)
		require.Equal(t, called.UUID, events[2].Data.Trigger.EventUUID)

		require.Zero(t, in.left(t, store.DueRequest))
		require.Zero(t, in.kept(t))
		require.EqualValues(t, 1, in.counts(t, "calls").Fired)
		in.pass(t, time.Hour)
		require.Len(t, to.requests(), 1)
	})
}

// kept is how many requests are kept.
func (in *installation) kept(t *testing.T) int {
	t.Helper()
	ids := []string{}
	for _, name := range []string{"calls", "hooks"} {
		for _, row := range in.triggers(t, name) {
			ids = append(ids, requestID(row.ID, 1), requestID(row.ID, 2))
		}
	}
	count := 0
	require.NoError(t, in.st.Write(t.Context(), func(tx store.Tx) error {
		rows, err := tx.Requests(t.Context(), ids)
		count = len(rows)
		return err
	}))
	return count
}

// requestID is the id of a request of a trigger's first action.
func requestID(triggerID string, number int) string {
	return v5(fmt.Sprintf("webhookd:request:%s:%s:1:%d", account, triggerID, number))
}

func TestACallOutIsRetriedWithTheSameID(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, in *installation) {
		to := receive(t, func(n int, w http.ResponseWriter, _ *http.Request) {
			switch n {
			case 1:
				w.WriteHeader(http.StatusInternalServerError)
			case 2:
				w.Header().Set("Retry-After", "30")
				w.WriteHeader(http.StatusServiceUnavailable)
			default:
				w.WriteHeader(http.StatusAccepted)
			}
		})
		in.handlers(t, calls(to.URL, "        secret: whsec_"+base64.StdEncoding.EncodeToString([]byte("the key of this test"))))
		in.take(t, call{1, customer, noon}.missed(9*time.Second)...)
		in.work(t)
		require.Len(t, to.requests(), 1)
		require.Empty(t, in.texts(t), "nothing is told of a try that is not the last")
		in.pass(t, 499*time.Millisecond)
		require.Len(t, to.requests(), 1)
		in.pass(t, 501*time.Millisecond) // 0.5 to 1 s
		require.Len(t, to.requests(), 2)
		in.pass(t, 29*time.Second)
		require.Len(t, to.requests(), 2, "it asked for half a minute")
		in.pass(t, time.Second)
		got := to.requests()
		require.Len(t, got, 3)

		events := in.actions(t)
		require.Len(t, events, 2)
		require.Equal(t, "success", events[0].Status)
		require.Equal(t, 202, events[0].Code)
		require.Equal(t, 2, events[0].Retries)
		stamps := map[string]bool{}
		for _, request := range got {
			id, stamp := request.header.Get("Webhook-Id"), request.header.Get("Webhook-Timestamp")
			require.Equal(t, requestID(events[0].Data.Trigger.UUID, 1), id)
			mac := hmac.New(sha256.New, []byte("the key of this test"))
			mac.Write([]byte(id + "." + stamp + "." + request.body))
			require.Equal(t, "v1,"+base64.StdEncoding.EncodeToString(mac.Sum(nil)), request.header.Get("Webhook-Signature"))
			stamps[stamp] = true
		}
		require.Greater(t, len(stamps), 1)
		require.EqualValues(t, 3, in.service.Dispatcher.Stats().Requests)
		require.EqualValues(t, 2, in.service.Dispatcher.Stats().Retried)
	})
}

func TestACallOutThatNeverSucceeds(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, in *installation) {
		in.service.Dispatcher.Failures = 2
		to := receive(t, status(http.StatusOK))
		to.Close() // nobody listens there
		in.handlers(t, calls(to.URL, "")+`
  - {name: chained, on: error, do: [{type: set_run_result, name: alert, value: "${event.data.text}"}]}
`)
		in.take(t, call{1, customer, noon}.missed(9*time.Second)...)
		in.pass(t, 127*time.Second) // 1 + 2 + 4 + 8 + 16 + 32 + 64, or somewhat less
		require.EqualValues(t, 8, in.service.Dispatcher.Stats().Requests)
		events := in.actions(t)
		require.Len(t, events, 4)
		require.Equal(t, "connection_error", events[0].Status)
		require.Zero(t, events[0].Code)
		require.Equal(t, 7, events[0].Retries)
		require.Equal(t, "run_result_changed", events[1].Type)
		require.Equal(t, "Failure", events[1].Category)
		require.Equal(t, "error", events[2].Type)
		require.Contains(t, events[2].Text, "handler calls, action 1 (call_webhook): POST "+to.URL+"/missed")
		require.Contains(t, events[2].Text, "connection refused")
		require.Equal(t, "alert", events[3].Name)
		require.Zero(t, in.kept(t))
		require.Zero(t, in.left(t, store.DueRequest))

		kept := in.counts(t, "calls")
		require.Equal(t, 1, kept.Failures)
		require.Contains(t, kept.LastError, "webhook_called of that account say why")
		require.NotContains(t, kept.LastError, "connection", "it is of all accounts")
		require.True(t, kept.Enabled)
		in.take(t, call{2, customer, in.Now()}.missed(9*time.Second)...)
		in.pass(t, time.Hour)
		require.False(t, in.counts(t, "calls").Enabled, "outcomes of requests count, too")
		require.Len(t, in.failuresTold(t), 1)
	})
}

// An answer that no later attempt would change is the end of it. A success in between sets the count back.
func TestOutcomesOfCallOutsCount(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, in *installation) {
		to := receive(t, func(n int, w http.ResponseWriter, _ *http.Request) {
			if n != 3 {
				w.WriteHeader(http.StatusNotFound)
			}
		})
		in.handlers(t, calls(to.URL, ""))
		for n, want := range []int{1, 2, 0, 1, 2} {
			in.take(t, call{n, customer, in.Now()}.missed(9*time.Second)...)
			in.work(t)
			require.Equal(t, want, in.counts(t, "calls").Failures)
			require.Len(t, to.requests(), n+1)
		}
		require.Equal(t, "the answer was 404", in.counts(t, "calls").LastError)
		require.Equal(t, "response_error", in.actions(t)[0].Status)
		require.Equal(t, "Failure", in.actions(t)[1].Category)
	})
}

// Nothing of a secret is shown, whatever the receiver sends back and however it fails.
func TestCallOutsShowNoSecret(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, in *installation) {
		const secret, token, password = "a-secret-of-this-handler", "a-token-of-this-handler", "a-password-of-this-handler"
		to := receive(t, func(n int, w http.ResponseWriter, r *http.Request) {
			if n == 1 {
				w.WriteHeader(http.StatusBadGateway)
			}
			_ = json.NewEncoder(w).Encode(map[string]any{
				"sent": r.Header, "url": r.URL.String(), "also": "a-secret-of-the-installation", "key": secret,
			})
		})
		closed := receive(t, status(http.StatusOK))
		closed.Close()
		in.handlers(t, calls(strings.Replace(to.URL, "http://", "http://user:"+password+"@", 1), fmt.Sprintf(`
        secret: %s
        headers: {Authorization: "Bearer %s"}
      - type: call_webhook
        method: GET
        url: %s/?access_token=%s
        headers: {X-Api-Key: %s}
`, secret, token, closed.URL, token, token)))
		in.take(t, call{1, customer, noon}.missed(9*time.Second)...)
		in.pass(t, time.Hour)
		events := in.actions(t)
		require.Len(t, events, 4)
		require.Equal(t, "Bearer "+token, to.requests()[0].header.Get("Authorization"), "the receiver gets it")
		all := []string{in.log.String(), in.counts(t, "calls").LastError}
		for _, event := range events {
			all = append(all, event.body)
		}
		shown := strings.Join(all, "\n")
		for _, hidden := range []string{secret, token, password, "a-secret-of-the-installation"} {
			require.NotContains(t, shown, hidden)
		}
		require.Contains(t, shown, "REDACTED")
	})
}

func TestAResthookCallsAllItsURLs(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, in *installation) {
		first, second := receive(t, status(http.StatusOK)), receive(t, status(http.StatusGone))
		in.env.Resthooks["missed"] = []string{first.URL + "/a", second.URL + "/b"}
		in.env.Resthooks["nobody"] = nil
		in.handlers(t, `
  - name: hooks
    on: call_missed
    do:
      - {type: call_resthook, resthook: missed, result_name: Hook}
      - {type: call_resthook, resthook: nobody, result_name: Nobody}
`)
		missed := call{1, customer, noon}
		in.take(t, missed.missed(9*time.Second)...)
		require.Len(t, in.actions(t), 3, "resthook_called twice, and the result of the one that is nobody's")
		in.work(t)
		require.Len(t, first.requests(), 1)
		require.Len(t, second.requests(), 1)
		require.Equal(t, first.requests()[0].body, second.requests()[0].body)
		var payload struct {
			Event   struct{ Type string } `json:"event"`
			Contact struct{ URN string }  `json:"contact"`
			Call    struct {
				CallUUID string `json:"call_uuid"`
			} `json:"call"`
		}
		require.NoError(t, json.Unmarshal([]byte(first.requests()[0].body), &payload))
		require.Equal(t, "call_missed", payload.Event.Type)
		require.Equal(t, missed.id(), payload.Call.CallUUID)
		require.Equal(t, "tel:+48503200104", payload.Contact.URN)
		require.NotEqual(t, first.requests()[0].header.Get("Webhook-Id"), second.requests()[0].header.Get("Webhook-Id"))

		types := map[string]int{}
		for _, event := range in.actions(t) {
			types[event.Type+" "+event.Status]++
		}
		require.Equal(t, map[string]int{
			"resthook_called ": 2, "webhook_called success": 1, "webhook_called response_error": 1, "error ": 1,
			"run_result_changed ": 2,
		}, types)
	})
}

// An instance that dies while a request is under way leaves it to be made again, with the same id; what came of it is
// published once.
func TestAnInstanceDiesDuringARequest(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, in *installation) {
		begun, dead := make(chan struct{}, 1), make(chan struct{})
		to := receive(t, func(n int, _ http.ResponseWriter, r *http.Request) {
			if n == 1 {
				begun <- struct{}{}
				select {
				case <-dead:
				case <-r.Context().Done():
				}
			}
		})
		in.handlers(t, calls(to.URL, ""))
		in.take(t, call{1, customer, noon}.missed(9*time.Second)...)
		ctx, kill := context.WithCancel(t.Context())
		ended := make(chan error, 1)
		go func() { ended <- in.runner.Run(ctx) }()
		<-begun
		kill()
		close(dead)
		require.NoError(t, <-ended)
		in.reopen(t)
		in.pass(t, 2*time.Minute-time.Second)
		require.Len(t, to.requests(), 1, "it may still be under way")
		require.Empty(t, in.texts(t))
		in.pass(t, time.Second)
		got := to.requests()
		require.Len(t, got, 2)
		require.Equal(t, got[0].header.Get("Webhook-Id"), got[1].header.Get("Webhook-Id"))
		require.Len(t, in.actions(t), 2)
		require.Zero(t, in.kept(t))
		in.pass(t, time.Hour)
		require.Len(t, to.requests(), 2)
	})
}

// An instance that was thought dead and comes back with an outcome, after another one has told of it, tells nothing.
func TestALateOutcomeIsOverlooked(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, in *installation) {
		in.handlers(t, calls("http://127.0.0.1:1", ""))
		in.take(t, call{1, customer, noon}.missed(9*time.Second)...)
		id := requestID(in.triggers(t, "calls")[0].ID, 1)
		d := in.service.Dispatcher
		claim := func() []dispatch.Errand {
			var claimed []dispatch.Errand
			require.NoError(t, in.st.Write(t.Context(), func(tx store.Tx) (err error) {
				var result dispatch.Result
				claimed, result, err = d.Claim(t.Context(), tx, in.Now(), []string{id}, func(string) bool { return true })
				if err != nil {
					return err
				}
				return dispatch.Keep(t.Context(), tx, result)
			}))
			return claimed
		}
		conclude := func(errand dispatch.Errand, result callout.Result) {
			require.NoError(t, in.st.Write(t.Context(), func(tx store.Tx) error {
				follows, err := d.Conclude(t.Context(), tx, in.Now(), errand, result, 0.5)
				if err != nil {
					return err
				}
				return dispatch.Keep(t.Context(), tx, follows)
			}))
		}
		lateOne := claim()
		require.Len(t, lateOne, 1)
		require.Empty(t, claim(), "somebody is at it")
		require.Equal(t, 1, in.left(t, store.DueRequest), "whoever asked leaves the row for the end of the lease")
		in.reach(noon.Add(2 * time.Minute))
		another := claim()
		require.Len(t, another, 1)
		retry := callout.Result{Status: callout.ResponseError, StatusCode: 500, Retry: true, URL: "http://127.0.0.1:1/missed"}
		conclude(another[0], retry)
		require.Empty(t, in.texts(t))
		conclude(lateOne[0], retry) // counts as nothing
		in.reach(noon.Add(3 * time.Minute))
		third := claim()
		require.Len(t, third, 1)
		done := callout.Result{Status: callout.Success, StatusCode: 200, URL: "http://127.0.0.1:1/missed"}
		conclude(third[0], done)
		require.Equal(t, 1, in.actions(t)[0].Retries)
		conclude(lateOne[0], done)
		conclude(another[0], done)
		require.Len(t, in.actions(t), 2)
		require.Zero(t, in.left(t, store.DueRequest))
	})
}

// A receiver that does not answer holds up neither what else is due, nor requests to others.
func TestASlowReceiverHoldsUpNobodyElse(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, in *installation) {
		release := make(chan struct{})
		slow := receive(t, func(_ int, _ http.ResponseWriter, r *http.Request) {
			select {
			case <-release:
			case <-r.Context().Done():
			}
		})
		quick := receive(t, status(http.StatusOK))
		in.handlers(t, fmt.Sprintf(`
  - {name: slow, on: call_missed, do: [{type: call_webhook, method: GET, url: %q}]}
  - {name: quick, on: call_ended, do: [{type: call_webhook, method: GET, url: %q}]}
`, slow.URL, quick.URL))
		const count = 100
		in.take(t, manyMissed(0, noon)[:2*count]...)
		ctx, cancel := context.WithCancel(t.Context())
		ended := make(chan error, 1)
		go func() { ended <- in.runner.Run(ctx) }()
		step := func(done func() bool) {
			require.Eventually(t, func() bool {
				in.reach(in.Now().Add(100 * time.Millisecond))
				in.runner.Wake()
				return done()
			}, patience, 20*time.Millisecond)
		}
		step(func() bool { return len(quick.requests()) == count })
		require.LessOrEqual(t, len(slow.requests()), 16, "no more to one host at once")
		step(func() bool { return in.Now().After(noon.Add(11 * time.Second)) })
		step(func() bool {
			settled := 0
			for _, event := range in.published(t) {
				if event.Type == "call_settled" {
					settled++
				}
			}
			return settled == count
		})
		close(release)
		step(func() bool { return in.runner.Stats().Requests == 0 && len(slow.requests()) == count })
		cancel()
		require.NoError(t, <-ended)
	})
}

// More requests than an instance can have at once are all made, each once.
func TestManyRequests(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, in *installation) {
		if in.database.Shared {
			in.open(t)
		}
		to := receive(t, status(http.StatusOK))
		in.handlers(t, calls(to.URL, `
      - {type: call_webhook, method: GET, url: "`+to.URL+`/second"}
      - {type: call_webhook, method: GET, url: "`+to.URL+`/third"}
`))
		in.take(t, manyMissed(0, noon)...)
		in.pass(t, time.Hour)
		got := to.requests()
		require.Equal(t, 3*manyCalls, len(got)) //nolint:testifylint // the list would be shown
		ids := map[string]bool{}
		for _, request := range got {
			ids[request.header.Get("Webhook-Id")] = true
		}
		require.Equal(t, 3*manyCalls, len(ids))           //nolint:testifylint // as above
		require.Equal(t, 4*manyCalls, len(in.actions(t))) //nolint:testifylint // as above
	})
}

// A handler that is dropped meanwhile: what it has triggered stays.
func TestARequestOutlivesItsHandler(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, in *installation) {
		to := receive(t, status(http.StatusOK))
		in.handlers(t, calls(to.URL, ""))
		in.take(t, call{1, customer, noon}.missed(9*time.Second)...)
		in.handlers(t, " []")
		in.work(t)
		require.Len(t, to.requests(), 1)
		require.Len(t, in.actions(t), 2)
	})
}
