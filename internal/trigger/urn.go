package trigger

import (
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"

	"webhookd/internal/correlate"
	"webhookd/internal/flow"
)

// schemes are the kinds of addresses that goflow reads.
var schemes = []string{
	"bsuid", "ext", "facebook", "fcm", "freshchat", "instagram", "jiochat", "line", "mailto", "rocketchat",
	"slack", "tel", "telegram", "twitter", "twitterid", "viber", "vk", "webchat", "wechat", "whatsapp",
}

// maxPath is how long goflow takes the path of a URN, in bytes.
const maxPath = 200

var (
	errBareNumber = errors.New("is a bare number: a URN begins with its scheme, such as tel:")
	errNoURN      = errors.New("is no URN, such as tel:+48501502503")
	errTelPath    = errors.New("is no telephone number in a URN: tel:+48501502503, or digits without the plus")
	errMailPath   = errors.New("is no e-mail address")
	errURNLong    = errors.New("is too long for a URN")

	bareNumber  = regexp.MustCompile(`^\+?[0-9 ()./-]+$`)
	telPath     = regexp.MustCompile(`^(\+[0-9]{7,15}|[a-z0-9]{1,64})$`)
	mailPath    = regexp.MustCompile(`^[^\s@]+@[^\s@]+$`)
	urnUnusable = regexp.MustCompile(`[\s\x00-\x1f\x7f]`)
)

// validURN says what is wrong with a URN for goflow; nil if nothing is.
func validURN(urn string) error {
	scheme, rest, found := strings.Cut(urn, ":")
	path, _, _ := strings.Cut(rest, "#")
	path, _, _ = strings.Cut(path, "?")
	switch {
	case bareNumber.MatchString(urn):
		return errBareNumber
	case !found || path == "" || urnUnusable.MatchString(urn):
		return errNoURN
	case !slices.Contains(schemes, scheme):
		return fmt.Errorf("has a scheme that goflow does not read%s", nearest(scheme, schemes))
	case len(path) > maxPath:
		return errURNLong
	case scheme == "tel" && !telPath.MatchString(path):
		return errTelPath
	case scheme == "mailto" && !mailPath.MatchString(path):
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
	case "tel":
		urn = flow.URN(path, correlate.E164(path, ""))
		if !strings.HasPrefix(urn, "tel:") {
			return "", errTelPath
		}
	case "mailto":
		urn = strings.ToLower(urn)
	case "ext":
		urn = flow.ExternalURN(path)
	}
	if err := validURN(urn); err != nil {
		return "", err
	}
	return urn, nil
}
