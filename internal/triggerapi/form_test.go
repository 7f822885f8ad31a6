package triggerapi

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestFormsStandForObjects(t *testing.T) {
	t.Parallel()
	for form, want := range map[string]string{
		"a=1":                           `{"a":"1"}`,
		"a=1&b=2&":                      `{"a":"1","b":"2"}`,
		"a=1&a=2":                       `{"a":"2"}`,
		"a=":                            `{"a":""}`,
		"a=b=c":                         `{"a":"b=c"}`,
		"a[b]=1&a[c]=2":                 `{"a":{"b":"1","c":"2"}}`,
		"a[b][c][d]=1":                  `{"a":{"b":{"c":{"d":"1"}}}}`,
		"a%5Bb%5D=1+2%2B3&%C5%BC=%26":   `{"a":{"b":"1 2+3"},"ż":"&"}`,
		"a[]=1&a[]=2":                   `{"a":["1","2"]}`,
		"a[]=":                          `{"a":[]}`,
		"a[]=&a[]=":                     `{"a":["",""]}`,
		"a[b][]=1&a[b][]=2":             `{"a":{"b":["1","2"]}}`,
		"a[0]=x&a[1]=y":                 `{"a":["x","y"]}`,
		"a[1]=y&a[0]=x":                 `{"a":["x","y"]}`,
		"a[1]=y":                        `{"a":{"1":"y"}}`,
		"a[0]=x&a[01]=y":                `{"a":{"0":"x","01":"y"}}`,
		"a[0]=x&a[b]=y":                 `{"a":{"0":"x","b":"y"}}`,
		"a[0][b]=1&a[0][c]=2&a[1][b]=3": `{"a":[{"b":"1","c":"2"},{"b":"3"}]}`,
		"a[999999999]=x":                `{"a":{"999999999":"x"}}`,
		// As Rack does it: a key that the element has already begins the next one.
		"a[][b]=1&a[][c]=2":                   `{"a":[{"b":"1","c":"2"}]}`,
		"a[][b]=1&a[][b]=2":                   `{"a":[{"b":"1"},{"b":"2"}]}`,
		"a[][b]=1&a[][c]=2&a[][b]=3&a[][c]=4": `{"a":[{"b":"1","c":"2"},{"b":"3","c":"4"}]}`,
		"a[][b][c]=1&a[][b][d]=2&a[][b][c]=3": `{"a":[{"b":{"c":"1","d":"2"}},{"b":{"c":"3"}}]}`,
		"a[][b][]=1&a[][b][]=2":               `{"a":[{"b":["1","2"]}]}`,
		"a[]=1&a[][b]=2":                      `{"a":["1",{"b":"2"}]}`,
		"a[][]=1":                             `{"a":[["1"]]}`,
		"&&a=1&&":                             `{"a":"1"}`,
	} {
		got, err := formJSON([]byte(form))
		require.NoError(t, err, form)
		require.JSONEq(t, want, string(got), form)
	}
}

func TestFormsThatContradictThemselves(t *testing.T) {
	t.Parallel()
	for _, form := range []string{
		"a", "a&b=1", "=1", "[a]=1", "a]=1", "a[b=1", "a[b]c=1", "a[b]c]=1", "a[[b]]=1", "a[b]]=1", "a[=1", "%zz=1", "a=%z",
		"a=1&a[b]=2", "a[b]=1&a=2", "a[]=1&a=2", "a=1&a[]=2", "a[]=1&a[b]=2", "a[b]=1&a[]=2", "a[b]=1&a[b][c]=2",
		"a" + strings.Repeat("[b]", MaxDepth) + "=1",
		strings.Repeat("a=1&", maxPairs),
	} {
		_, err := formJSON([]byte(form))
		var invalid *InvalidError
		require.ErrorAs(t, err, &invalid, form)
		require.True(t, invalid.Malformed)
	}
	_, err := formJSON([]byte("a=1&a[b]=2"))
	require.EqualError(t, err, "a: The form gives it as more than one of a text, a list and an object.")
}
