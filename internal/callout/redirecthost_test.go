package callout

import (
	"net/url"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestAHostIsTheSameByNameAndPort(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		from, to string
		want     bool
	}{
		{"http://a/x", "http://a/y", true},
		{"http://a", "http://A:80", true},
		{"http://a", "https://a", true},
		{"http://a:80", "https://a:443", true},
		{"https://a", "https://a:443", true},
		{"http://a:8080", "https://a", false},
		{"http://a", "https://a:8443", false},
		{"https://a", "http://a", false},
		{"http://a", "http://a:8080", false},
		{"http://a", "http://b", false},
		{"http://a", "http://www.a", false},
		{"http://www.a", "http://a", false},
		{"http://[::1]", "http://[::1]:80", true},
	} {
		from, err := url.Parse(c.from)
		require.NoError(t, err)
		to, err := url.Parse(c.to)
		require.NoError(t, err)
		require.Equal(t, c.want, sameHost(from, to), "%s %s", c.from, c.to)
	}
}
