package callout

import (
	"cmp"
	"encoding/base64"
	"encoding/json"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strings"
)

const redacted = "REDACTED"

// minLearned is the length from which a text counts as a secret because of where it stands in a call: a header, the URL.
// A shorter one would be found in ordinary text by chance, so it is hidden only where it was sent.
const minLearned = 8

// hider takes secrets out of what is shown.
type hider struct {
	replacer *strings.Replacer
	longest  int // bytes of the longest secret
}

// newHider makes a hider that knows the configured secrets, a call's own, and what stands where secrets do: in headers
// with a secret's name, in the URL's credentials and in query parameters with a secret's name. Receivers like to send
// back what they were sent.
func newHider(configured []string, call Call, sent http.Header) hider {
	known := slices.Clone(configured)
	known = append(known, call.Secret, strings.TrimPrefix(call.Secret, secretPrefix))
	if key, err := signingKey(call.Secret); err == nil {
		known = append(known, string(key))
	}
	for _, text := range learned(call, sent) {
		if len(text) >= minLearned {
			known = append(known, text)
		}
	}
	var forms []string
	for _, text := range known {
		forms = append(forms, spellings(text)...)
	}
	slices.SortFunc(forms, func(a, b string) int { return cmp.Or(len(b)-len(a), strings.Compare(a, b)) })
	forms = slices.DeleteFunc(slices.Compact(forms), func(form string) bool { return form == "" })
	h := hider{}
	pairs := make([]string, 0, 2*len(forms))
	for _, form := range forms {
		h.longest = max(h.longest, len(form))
		pairs = append(pairs, form, redacted)
	}
	h.replacer = strings.NewReplacer(pairs...)
	return h
}

// learned gives the secrets of a call that only their places tell.
func learned(call Call, sent http.Header) []string {
	var texts []string
	for name, values := range sent {
		if !secretName(name) {
			continue
		}
		for _, value := range values {
			texts = append(texts, value)
			// "Bearer x", "v1,x", "a=x; b=y": the parts are secret, too.
			for part := range strings.FieldsFuncSeq(value, func(r rune) bool { return strings.ContainsRune(" ,;", r) }) {
				_, behind, _ := strings.Cut(part, "=")
				texts = append(texts, part, behind)
			}
			if _, credentials, ok := strings.Cut(value, "Basic "); ok {
				if plain, err := base64.StdEncoding.DecodeString(credentials); err == nil {
					_, password, _ := strings.Cut(string(plain), ":")
					texts = append(texts, string(plain), password)
				}
			}
		}
	}
	target, err := url.Parse(strings.TrimSpace(call.URL))
	if err != nil {
		return texts
	}
	if target.User != nil {
		if password, ok := target.User.Password(); ok {
			texts = append(texts, password)
		} else {
			texts = append(texts, target.User.Username()) // a token, then
		}
	}
	for _, pair := range queryPair.FindAllString(target.RawQuery, -1) {
		if _, value, secret := parameter(pair); secret {
			texts = append(texts, value)
			if plain, err := url.QueryUnescape(value); err == nil {
				texts = append(texts, plain)
			}
		}
	}
	return texts
}

// spellings gives the ways in which a text stands in URLs, forms and JSON.
func spellings(text string) []string {
	inJSON := strings.NewReplacer(`\`, `\\`, `"`, `\"`).Replace(text)
	all := []string{text, url.QueryEscape(text), url.PathEscape(text), inJSON, strings.ReplaceAll(inJSON, "/", `\/`)}
	if quoted, err := json.Marshal(text); err == nil {
		all = append(all, string(quoted[1:len(quoted)-1]))
	}
	return all
}

func (h hider) text(text string) string  { return h.replacer.Replace(text) }
func (h hider) trace(text string) string { return presentable(h.text(text)) }
func (h hider) url(target string) string { return h.text(redactURL(target)) }

// body hides the secrets of a body and keeps limit bytes of it; one that is not whole (there was more, or the end of it
// never came) may end with half a secret, so its end is left out. It says whether the body is less than it was.
func (h hider) body(body []byte, whole bool, limit int) ([]byte, bool) {
	shown := []byte(h.text(string(body)))
	if !whole {
		shown = shown[:max(0, len(shown)-max(0, h.longest-1))]
	}
	shown, less := cut(shown, limit)
	return shown, less || !whole
}

// secretWords make a name one of a secret wherever they stand in it, secretParts where they are a word of it.
var (
	secretWords = []string{
		"accesskey", "apikey", "authenticat", "authoriz", "bearer", "cookie", "credential", "jwt", "passphrase", "passw",
		"privatekey", "pwd", "secret", "session", "signature", "token",
	}
	secretParts = []string{"auth", "key", "otp", "pass", "pin", "sid", "sig"}
	// openNames are no secrets, though they sound like them.
	openNames = []string{"account_key", "conversation_key", "idempotency-key", "proxy-authenticate", "www-authenticate"}
)

// secretName says whether a header or a query parameter of this name holds a secret.
func secretName(name string) bool {
	name = strings.ToLower(name)
	if slices.Contains(openNames, name) {
		return false
	}
	return slices.ContainsFunc(secretWords, func(word string) bool { return strings.Contains(name, word) }) ||
		slices.ContainsFunc(strings.FieldsFunc(name, func(r rune) bool { return strings.ContainsRune("-_.[]", r) }),
			func(part string) bool { return slices.Contains(secretParts, part) })
}

// redactURL hides a URL's credentials and the query parameters whose names are a secret's. The rest stays as it was
// written, but for a fragment, which is not sent. What cannot be read is hidden as a whole.
func redactURL(text string) string {
	target, err := url.Parse(strings.TrimSpace(text))
	if err != nil || target.Opaque != "" {
		return redacted
	}
	if target.User != nil {
		target.User = url.User(redacted)
	}
	target.Fragment, target.RawFragment = "", ""
	target.RawQuery = redactQuery(target.RawQuery)
	return target.String()
}

// redactRequestURI is redactURL for the first line of a request.
func redactRequestURI(target *url.URL) string {
	shown := *target
	shown.RawQuery = redactQuery(target.RawQuery)
	return shown.RequestURI()
}

var queryPair = regexp.MustCompile(`[^&;]+`)

func redactQuery(query string) string {
	return queryPair.ReplaceAllStringFunc(query, func(pair string) string {
		if name, _, secret := parameter(pair); secret {
			return name + "=" + redacted
		}
		return pair
	})
}

// parameter takes a pair of a query apart, both parts as they were written, and says whether it is a secret.
func parameter(pair string) (name, value string, secret bool) {
	name, value, _ = strings.Cut(pair, "=")
	plain, err := url.QueryUnescape(name)
	return name, value, err != nil || secretName(plain)
}
