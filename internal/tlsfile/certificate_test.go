package tlsfile_test

import (
	"bytes"
	"log/slog"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"webhookd/internal/tlsfile"
	"webhookd/internal/tlsfile/tlstest"
)

func TestACertificateIsReplacedWhileItIsInUse(t *testing.T) {
	t.Parallel()
	authority, dir := tlstest.NewAuthority(t), t.TempDir()
	certFile, keyFile := authority.Issue(dir, "first.example.com")
	now := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	log := &bytes.Buffer{}
	c, err := tlsfile.Open(certFile, keyFile, slog.New(slog.NewTextHandler(log, nil)), func() time.Time { return now })
	require.NoError(t, err)
	name := func() string { return c.Current().Leaf.Subject.CommonName }
	require.Equal(t, "first.example.com", name())

	// Time stamps of files may be coarse; sizes may be the same.
	touch := func(at time.Time) {
		require.NoError(t, os.Chtimes(certFile, at, at))
		require.NoError(t, os.Chtimes(keyFile, at, at))
	}
	authority.Issue(dir, "second.example.com")
	touch(now)
	require.Equal(t, "first.example.com", name(), "files are not looked at for each connection")
	now = now.Add(time.Second)
	require.Equal(t, "second.example.com", name())
	require.Contains(t, log.String(), "tls certificate replaced")

	log.Reset()
	require.NoError(t, os.WriteFile(keyFile, []byte("no key"), 0o600))
	now = now.Add(time.Second)
	require.Equal(t, "second.example.com", name(), "what cannot be used is not used")
	now = now.Add(time.Second)
	require.Equal(t, "second.example.com", name())
	require.Equal(t, 1, strings.Count(log.String(), "cannot be replaced"), log.String())

	require.NoError(t, os.Remove(keyFile))
	now = now.Add(time.Second)
	require.Equal(t, "second.example.com", name(), "nor what is gone")

	authority.Issue(dir, "third.example.com")
	now = now.Add(time.Second)
	require.Equal(t, "third.example.com", name())
}

func TestWhatIsNoCertificateIsRefused(t *testing.T) {
	t.Parallel()
	authority := tlstest.NewAuthority(t)
	certFile, keyFile := authority.Issue(t.TempDir(), "a.example.com")
	_, foreign := authority.Issue(t.TempDir(), "b.example.com")
	for name, files := range map[string][2]string{
		"no certificate":    {t.TempDir() + "/none.pem", keyFile},
		"no key":            {certFile, t.TempDir() + "/none.pem"},
		"another one's key": {certFile, foreign},
		"a key twice":       {keyFile, keyFile},
	} {
		_, err := tlsfile.Open(files[0], files[1], slog.New(slog.DiscardHandler), time.Now)
		require.Error(t, err, name)
	}
}
