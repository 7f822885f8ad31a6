package trigger

import (
	"encoding/base64"
	"encoding/json"
	"errors"
	"net/url"
	"regexp"
	"slices"
	"strings"

	"webhookd/internal/dialog"
)

// callWebhook is call_webhook: a request that leaves the process.
type callWebhook struct {
	method     string
	url        *template
	headers    map[string]*template
	body       body
	resultName *template
}

var (
	errWebURL = errors.New("is no URL that begins with http:// or https:// and has a host")
	errHeader = errors.New("holds a control character")

	webMethods = []string{"DELETE", methodGet, methodHead, "PATCH", methodPost, "PUT"}
	headerName = regexp.MustCompile("^[!#$%&'*+.^_`|~0-9A-Za-z-]+$")
)

const (
	methodGet  = "GET"
	methodHead = "HEAD"
	methodPost = "POST"

	keyResultName = "result_name"
)

func newCallWebhook(f *form) action {
	a := &callWebhook{method: strings.ToUpper(f.word("method")), headers: map[string]*template{}}
	if a.method != "" && !slices.Contains(webMethods, a.method) {
		f.wrongf("method", "%q is none of %s", a.method, strings.Join(webMethods, ", "))
	}
	if a.url = f.required("url", webURL); a.url != nil {
		a.url.escape = escapeURL
	}
	if headers, ok := f.inside("headers"); ok {
		for _, name := range sortedNames(headers.values) {
			if !headerName.MatchString(name) {
				headers.wrongf(name, "is no name of a header")
			}
			a.headers[name] = headers.text(name, headerValue)
		}
	}
	value, there := f.take("body")
	if there {
		if a.body = f.body("body", value); a.method == methodGet || a.method == methodHead {
			f.wrongf("body", "cannot be sent with %s", a.method)
		}
	}
	a.resultName = f.text(keyResultName, resultName)
	f.secret()
	return a
}

func webURL(text string) error {
	parsed, err := url.Parse(text)
	if err != nil || parsed.Scheme != "http" && parsed.Scheme != "https" || parsed.Hostname() == "" {
		return errWebURL
	}
	return nil
}

func headerValue(text string) error {
	if strings.IndexFunc(text, func(r rune) bool { return r < ' ' && r != '\t' || r == 0x7f }) >= 0 {
		return errHeader
	}
	return nil
}

// escapeURL makes a text one part of a URL, in its path as in its query.
func escapeURL(text string) string { return strings.ReplaceAll(url.QueryEscape(text), "+", "%20") }

// secretPrefix begins a secret whose key is what the rest says in base64, as Standard Webhooks has it.
const secretPrefix = "whsec_"

// secret checks the secret that requests are signed with. What is wrong with it is said without it.
func (f *form) secret() {
	value, there := f.take(keySecret)
	if !there {
		return
	}
	secret, ok := value.(Secret)
	if plain, isText := value.(string); isText { // of a definition that was made, not read
		secret, ok = NewSecret(plain), true
		f.values[keySecret] = secret
	}
	text := secret.Reveal()
	encoded, hasPrefix := strings.CutPrefix(text, secretPrefix)
	switch {
	case !ok:
		f.wrongf(keySecret, "is no text")
	case text == redacted:
		f.wrongf(keySecret, "is what is shown in a secret's place: give the secret itself")
	case text == "":
		f.wrongf(keySecret, "is empty")
	case hasPrefix:
		if key, err := base64.StdEncoding.DecodeString(encoded); err != nil || len(key) == 0 {
			f.wrongf(keySecret, "begins with %s, and what follows is no base64", secretPrefix)
		}
	}
}

// body is a template, or values of JSON with templates in them.
type body struct {
	text    *template
	members map[string]body
	list    []body
	value   any // of a plain value
	kind    bodyKind
}

type bodyKind uint8

const (
	bodyNone bodyKind = iota
	bodyText
	bodyObject
	bodyList
	bodyValue
)

func (f *form) body(field string, value any) body {
	switch v := value.(type) {
	case string:
		return body{kind: bodyText, text: f.template(field, v, nil)}
	case map[string]any:
		b := body{kind: bodyObject, members: make(map[string]body, len(v))}
		for _, name := range sortedNames(v) {
			b.members[name] = f.body(key(field, name), v[name])
		}
		return b
	case []any:
		b := body{kind: bodyList, list: make([]body, 0, len(v))}
		for i, element := range v {
			b.list = append(b.list, f.body(place(field, i), element))
		}
		return b
	default:
		return body{kind: bodyValue, value: v}
	}
}

// fill gives the body as it is sent: a text as it is, anything else as JSON.
func (b body) fill(o *Occasion) (string, error) {
	switch b.kind {
	case bodyNone:
		return "", nil
	case bodyText:
		return b.text.fill(o)
	case bodyObject, bodyList, bodyValue:
	}
	value, err := b.filled(o)
	if err != nil {
		return "", err
	}
	data, err := json.Marshal(value)
	return string(data), err
}

func (b body) filled(o *Occasion) (any, error) {
	switch b.kind {
	case bodyText:
		return b.text.fill(o)
	case bodyObject:
		values := make(map[string]any, len(b.members))
		for _, name := range sortedNames(b.members) {
			value, err := b.members[name].filled(o)
			if err != nil {
				return nil, err
			}
			values[name] = value
		}
		return values, nil
	case bodyList:
		values := make([]any, 0, len(b.list))
		for _, element := range b.list {
			value, err := element.filled(o)
			if err != nil {
				return nil, err
			}
			values = append(values, value)
		}
		return values, nil
	case bodyNone, bodyValue:
	}
	return b.value, nil
}

func (a *callWebhook) do(f *firing) error {
	target, err := a.url.fill(f.o)
	if err != nil {
		return err
	}
	headers := make(map[string]string, len(a.headers))
	for _, name := range sortedNames(a.headers) {
		if headers[name], err = a.headers[name].fill(f.o); err != nil {
			return err
		}
	}
	sent, err := a.body.fill(f.o)
	if err != nil {
		return err
	}
	resultName, err := a.resultName.fill(f.o)
	if err != nil {
		return err
	}
	request := f.request(1)
	request.Kind, request.Method, request.URL, request.Headers, request.Body = KindWebhook, a.method, target, headers, sent
	request.ResultName = strings.TrimSpace(resultName)
	f.Requests = append(f.Requests, request)
	return nil
}

// request begins a request of the action that is being done; number counts the requests of one action, from 1.
func (f *firing) request(number int) Request {
	return Request{
		ID:      named("request", f.o.Account, f.triggerID, itoa(f.action), itoa(number)),
		Account: f.o.Account, TriggerID: f.triggerID, Handler: f.c.handler.Name, Action: f.action, Number: number,
	}
}

// callResthook is call_resthook: an event for everybody that configuration names for the resthook.
type callResthook struct {
	resthook   string
	urls       []string
	resultName *template
}

const keyResthook = "resthook"

func newCallResthook(f *form) action {
	a := &callResthook{resthook: f.word(keyResthook)}
	urls, known := f.checker.env.Resthooks[a.resthook]
	if a.resthook != "" && !known {
		f.wrongf(keyResthook, "%q is no resthook that configuration names%s", a.resthook,
			nearest(a.resthook, sortedNames(f.checker.env.Resthooks)))
	}
	a.urls = slices.Clone(urls)
	a.resultName = f.text(keyResultName, resultName)
	return a
}

type resthookJSON struct {
	Resthook string          `json:"resthook"`
	Payload  json.RawMessage `json:"payload"`
}

// resthookPayload is what is sent to the URLs of a resthook.
type resthookPayload struct {
	Account string          `json:"account"`
	Handler string          `json:"handler"`
	Event   eventHeadJSON   `json:"event"`
	Contact contactVars     `json:"contact"`
	Call    json.RawMessage `json:"call"`
	Payload map[string]any  `json:"payload"`
}

type eventHeadJSON struct {
	UUID      string      `json:"uuid"`
	Type      string      `json:"type"`
	CreatedOn dialog.Time `json:"created_on"`
}

func (a *callResthook) do(f *firing) error {
	name, err := a.resultName.fill(f.o)
	if err != nil {
		return err
	}
	name = strings.TrimSpace(name)
	contact := contactVars{firstOf(f.o.urns()), f.o.number(), f.o.contactName()}
	payload, err := json.Marshal(resthookPayload{
		Account: f.o.Account, Handler: f.c.handler.Name, Contact: contact, Call: f.o.record(), Payload: f.o.Payload,
		Event: eventHeadJSON{f.o.Event.UUID, f.o.Event.Type, f.o.happenedAt()},
	})
	if err != nil {
		return err
	}
	if err := f.emit(EventResthookCalled, resthookJSON{a.resthook, payload}); err != nil {
		return err
	}
	for i, target := range a.urls {
		request := f.request(i + 1)
		request.Kind, request.Method, request.URL, request.Body = KindResthook, methodPost, target, string(payload)
		request.Headers = map[string]string{"Content-Type": "application/json"}
		request.Resthook = a.resthook
		if i == 0 {
			request.ResultName = name // one action has one result: that of the first URL
		}
		f.Requests = append(f.Requests, request)
	}
	if len(a.urls) == 0 && name != "" {
		return f.emit(EventRunResultChanged,
			resultJSON{Name: name, Value: "no subscribers", Category: categoryFailure})
	}
	return nil
}
