package trigger

import (
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"unicode"

	"webhookd/internal/correlate"
	"webhookd/internal/flow"
)

// schemes are the kinds of addresses that goflow reads.
var schemes = []string{
	"bsuid", schemeExternal, "facebook", "fcm", "freshchat", "instagram", "jiochat", "line", schemeMail, "rocketchat",
	"slack", schemeTel, "telegram", "twitter", "twitterid", "viber", "vk", "webchat", "wechat", "whatsapp",
}

const (
	schemeTel      = "tel"
	schemeMail     = "mailto"
	schemeExternal = "ext"
)

// maxPath is how long goflow takes the path of a URN, in bytes.
const maxPath = 200

var (
	errBareNumber = errors.New("is a bare number: a URN begins with its scheme, as in tel:+48501502503")
	errNoURN      = errors.New("is no URN, such as tel:+48501502503")
	errTelPath    = errors.New("is no telephone number in a URN: tel:+48501502503, or digits without the plus")
	errMailPath   = errors.New("is no e-mail address")
	errURNLong    = errors.New("is too long for a URN")

	bareNumber = regexp.MustCompile(`^\+?[0-9 ()./-]+$`)
	telPath    = regexp.MustCompile(`^(\+\d{7,15}|[a-z0-9]{1,64})$`)
	mailPath   = regexp.MustCompile(`^[^\s@]+@[^\s@]+$`)
)

// unusable says whether a character cannot be in a URN.
func unusable(r rune) bool { return unicode.IsSpace(r) || unicode.IsControl(r) }

// validURN says what is wrong with a URN for goflow; nil if nothing is.
func validURN(urn string) error {
	scheme, rest, found := strings.Cut(urn, ":")
	path, _, _ := strings.Cut(rest, "#")
	path, _, _ = strings.Cut(path, "?")
	switch {
	case bareNumber.MatchString(urn):
		return errBareNumber
	case !found || path == "" || strings.ContainsFunc(urn, unusable):
		return errNoURN
	case !slices.Contains(schemes, scheme):
		return fmt.Errorf("has a scheme that goflow does not read%s", nearest(scheme, schemes))
	case len(path) > maxPath:
		return errURNLong
	case scheme == schemeTel && !telPath.MatchString(path):
		return errTelPath
	case scheme == schemeMail && !mailPath.MatchString(path):
		return errMailPath
	}
	return nil
}

// makeURN gives the URN of a scheme and what somebody wrote as its path.
func makeURN(scheme, path string) (string, error) {
	path = strings.TrimSpace(path)
	if path == "" {
		return "", errNoURN
	}
	urn := scheme + ":" + path
	switch scheme {
	case schemeTel:
		urn = flow.URN(path, correlate.E164(path, ""))
		if !strings.HasPrefix(urn, schemeTel+":") {
			return "", errTelPath
		}
	case schemeMail:
		urn = strings.ToLower(urn)
	case schemeExternal:
		urn = flow.ExternalURN(path)
	}
	if err := validURN(urn); err != nil {
		return "", err
	}
	return urn, nil
}
