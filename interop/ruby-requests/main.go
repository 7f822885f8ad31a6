// The requests that the Ruby clients of Teleflow and Novu make, against webhookd, byte by byte. Their trigger and their
// broadcast hand the body to HTTParty as it is: a text goes out labelled as a form, and a hash goes out as a form with
// brackets, encoded or, from older versions, not. One client sends one Idempotency-Key with everything.
//
// It ends with 1 at the first answer that is not as it should be.
package main

import (
	"bufio"
	"crypto/rand"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"os"
	"strings"
	"time"
)

const (
	trigger   = "POST /v1/events/trigger"
	bulk      = "POST /v1/events/trigger/bulk"
	broadcast = "POST /v1/events/trigger/broadcast"
)

// exchange is a request and what its answer must be.
type exchange struct {
	what   string
	route  string
	json   bool // the client labels it as JSON
	body   string
	status int
	want   string // of the answer's data: a JSON object whose fields must be there, or a whole value
	again  bool   // it must be the answer of the first exchange with this route and body
}

func exchanges(run string) []exchange {
	const processed = `{"acknowledged":true,"status":"processed"}`
	text := `{"name":"interop-now","payload":{"order":4711},"to":{"subscriberId":"ruby-` + run + `","email":"ruby@example.com"}}`
	form := "name=interop-now&payload%5Border%5D=4711&payload%5Blines%5D%5B%5D=a&payload%5Blines%5D%5B%5D=b" +
		"&to%5BsubscriberId%5D=ruby-" + run + "&to%5Bphone%5D=%2B48501502503&to%5Bdata%5D%5Bvip%5D=true"
	return []exchange{
		{what: "trigger with JSON text", route: trigger, body: text, status: 201, want: processed},
		{what: "the same again, with the same key", route: trigger, body: text, status: 201, want: processed, again: true},
		{what: "trigger with a hash", route: trigger, body: form, status: 201, want: processed},
		{
			what: "trigger with a hash, brackets as they are", route: trigger, status: 201, want: processed,
			body: "name=interop-now&payload[order]=4712&to[subscriberId]=ruby-" + run,
		},
		{
			what: "trigger to a list of hashes", route: trigger, status: 201, want: processed,
			body: "name=interop-now&payload%5Border%5D=4713&to%5B%5D%5BsubscriberId%5D=ruby-" + run +
				"&to%5B%5D%5Bemail%5D=ruby%40example.com&to%5B%5D%5BsubscriberId%5D=second-" + run,
		},
		{
			what: "trigger to a list of ids", route: trigger, status: 201, want: processed,
			body: "name=interop-now&to%5B%5D=ruby-" + run + "&to%5B%5D=second-" + run + "&transactionId=",
		},
		{
			what: "trigger to nobody", route: trigger, status: 201, want: `{"acknowledged":true,"status":"invalid_recipients"}`,
			body: "name=interop-now&to%5B%5D=",
		},
		{what: "trigger of what is not there", route: trigger, body: "name=no-such-handler&to=x", status: 422},
		{what: "trigger that says nothing", route: trigger, body: "", status: 400},
		{
			what: "trigger that waits", route: trigger, status: 201, want: `{"transactionId":"later/` + run + `"}`,
			body: `{"name":"interop-later","to":"ruby-` + run + `","transactionId":"later/` + run + `"}`,
		},
		{what: "cancel", route: "DELETE /v1/events/trigger/" + url.PathEscape("later/"+run), status: 200, want: "true"},
		{what: "cancel again", route: "DELETE /v1/events/trigger/later/" + run, status: 200, want: "false"},
		{
			what: "bulk", route: bulk, json: true, status: 201, want: "[",
			body: `{"events":[` + text + `,{"name":"no-such-handler","to":"x"}]}`,
		},
		{
			what: "broadcast with JSON text", route: broadcast, status: 201, want: processed,
			body: `{"name":"interop-now","payload":{"message":"Important announcement!"}}`,
		},
		{
			what: "broadcast with a hash", route: broadcast, status: 201, want: processed,
			body: "name=interop-now&payload%5Bmessage%5D=Important%20announcement%21",
		},
		{
			what: "broadcast with a hash, again", route: broadcast, status: 201, want: processed, again: true,
			body: "name=interop-now&payload%5Bmessage%5D=Important%20announcement%21",
		},
	}
}

func main() {
	address, err := url.Parse(os.Getenv("WEBHOOKD_URL"))
	if err != nil || address.Host == "" {
		fail("WEBHOOKD_URL", fmt.Errorf("%q is no address of a server", os.Getenv("WEBHOOKD_URL")))
	}
	run := fmt.Sprintf("%x", time.Now().UnixNano())
	client := rubyClient{host: address.Host, key: os.Getenv("WEBHOOKD_API_KEY"), idempotencyKey: rand.Text()}
	first := map[string]string{}
	for _, exchange := range exchanges(run) {
		answer, body, err := client.send(exchange)
		if err == nil {
			err = exchange.check(answer, body, first)
		}
		if err != nil {
			fail(exchange.what, err)
		}
		fmt.Println("ruby: " + exchange.what)
	}
}

func fail(what string, err error) {
	fmt.Fprintf(os.Stderr, "ruby: %s: %v\n", what, err)
	os.Exit(1)
}

// rubyClient sends what Net::HTTP sends for HTTParty.
type rubyClient struct{ host, key, idempotencyKey string }

func (c rubyClient) send(e exchange) (*http.Response, string, error) {
	conn, err := net.DialTimeout("tcp", c.host, 10*time.Second)
	if err != nil {
		return nil, "", err
	}
	defer conn.Close()
	if err := conn.SetDeadline(time.Now().Add(30 * time.Second)); err != nil {
		return nil, "", err
	}
	var text strings.Builder
	fmt.Fprintf(&text, "%s HTTP/1.1\r\n", e.route)
	fmt.Fprintf(&text, "Authorization: ApiKey %s\r\nUser-Agent: teleflow/ruby/0.1.0\r\n", c.key)
	method, _, _ := strings.Cut(e.route, " ")
	if method == http.MethodPost {
		fmt.Fprintf(&text, "Idempotency-Key: %s\r\n", c.idempotencyKey)
	}
	if e.json {
		text.WriteString("Content-Type: application/json\r\n")
	}
	text.WriteString("Accept-Encoding: gzip;q=1.0,deflate;q=0.6,identity;q=0.3\r\nAccept: */*\r\nConnection: close\r\n")
	fmt.Fprintf(&text, "Host: %s\r\n", c.host)
	if method == http.MethodPost {
		fmt.Fprintf(&text, "Content-Length: %d\r\n", len(e.body))
		if !e.json {
			text.WriteString("Content-Type: application/x-www-form-urlencoded\r\n")
		}
	}
	text.WriteString("\r\n" + e.body)
	if _, err := io.WriteString(conn, text.String()); err != nil {
		return nil, "", err
	}
	answer, err := http.ReadResponse(bufio.NewReader(conn), nil)
	if err != nil {
		return nil, "", err
	}
	defer answer.Body.Close()
	body, err := io.ReadAll(answer.Body)
	return answer, string(body), err
}

// check requires that an answer is as it must be.
func (e exchange) check(answer *http.Response, body string, first map[string]string) error {
	if answer.StatusCode != e.status {
		return fmt.Errorf("answered %s where %d was due: %s", answer.Status, e.status, body)
	}
	if e.status >= 300 {
		var told struct {
			StatusCode int    `json:"statusCode"`
			Message    string `json:"message"`
		}
		if err := json.Unmarshal([]byte(body), &told); err != nil || told.StatusCode != e.status || told.Message == "" {
			return fmt.Errorf("no error as Novu's clients know it: %s", body)
		}
		return nil
	}
	id := e.route + "\n" + e.body
	if replayed := answer.Header.Get("Idempotency-Replayed") == "true"; replayed != e.again {
		return fmt.Errorf("replayed: %t, and %t was due: %s", replayed, e.again, body)
	}
	if e.again && body != first[id] {
		return fmt.Errorf("the first time it was %s, now %s", first[id], body)
	}
	first[id] = body
	var envelope struct {
		Data json.RawMessage `json:"data"`
	}
	if err := json.Unmarshal([]byte(body), &envelope); err != nil {
		return fmt.Errorf("read answer: %w: %s", err, body)
	}
	if e.want[0] != '{' {
		if !strings.HasPrefix(string(envelope.Data), e.want) {
			return fmt.Errorf("data is %s where %s was due", envelope.Data, e.want)
		}
		return nil
	}
	var want, got map[string]any
	if err := json.Unmarshal([]byte(e.want), &want); err != nil {
		return fmt.Errorf("read what is due: %w", err)
	}
	if err := json.Unmarshal(envelope.Data, &got); err != nil {
		return fmt.Errorf("read answer's data: %w: %s", err, body)
	}
	for name, value := range want {
		if got[name] != value {
			return fmt.Errorf("%s is %v where %v was due: %s", name, got[name], value, body)
		}
	}
	return nil
}
