package httpapi

import (
	"net/url"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/gofiber/fiber/v2"
)

// maxParameter is the length of the longest parameter value, in bytes; nothing that calls are searched by is longer.
const maxParameter = 256

// query is a request's query parameters, each given once.
type query map[string]string

// Names of query parameters that many routes take.
const (
	accountParameter = "account"
	fromParameter    = "from"
	toParameter      = "to"
)

// readQuery reads the query, in which only the parameters named may occur. What is misspelt must not be ignored: the
// answer would look like one to the question that was meant.
func readQuery(c *fiber.Ctx, parameters ...string) (query, error) {
	values, err := url.ParseQuery(string(c.Request().URI().QueryString()))
	if err != nil {
		return nil, &problem{
			kind:   kindBadRequest,
			detail: "The query string cannot be decoded. Percent-encode its values (+ as %2B, ; as %3B).",
		}
	}
	q := query{}
	for name, given := range values {
		if !slices.Contains(parameters, name) {
			shown := name
			if !utf8.ValidString(name) || len(name) > maxParameter {
				shown = ""
			}
			return nil, &problem{
				kind: kindParameterUnknown, parameter: shown, allowed: parameters,
				detail: `This route has no such query parameter, so the question is not clear; "allowed" names those it has.`,
			}
		}
		if len(given) > 1 {
			return nil, invalid(name, "It is given more than once.")
		}
		value := given[0]
		switch {
		case strings.TrimSpace(value) == "":
			return nil, invalid(name, "It has no value; leave it out to mean any.")
		case len(value) > maxParameter:
			return nil, invalid(name, "It is too long.")
		case !utf8.ValidString(value) || strings.ContainsFunc(value, unicode.IsControl):
			return nil, invalid(name, "It is no plain text in UTF-8.")
		}
		q[name] = value
	}
	return q, nil
}

// account gives the account that is asked about.
func (q query) account() (string, error) {
	account, ok := q["account"]
	switch {
	case !ok:
		return DefaultAccount, nil
	case !saneAccount.MatchString(account):
		return "", invalid("account", "An account's name has 1 to 64 letters, digits, _ or -.")
	}
	return account, nil
}

// word gives a parameter that has a fixed set of values, in lower case; "" where it is not given.
func (q query) word(name string, allowed ...string) (string, error) {
	value, ok := q[name]
	if !ok {
		return "", nil
	}
	value = strings.ToLower(strings.TrimSpace(value))
	if !slices.Contains(allowed, value) {
		return "", invalid(name, "It is none of the values in \"allowed\".", allowed...)
	}
	return value, nil
}

func invalid(parameter, detail string, allowed ...string) *problem {
	return &problem{
		kind: kindParameterInvalid, parameter: parameter, allowed: allowed,
		detail: "The query parameter " + parameter + " cannot be used. " + detail,
	}
}
