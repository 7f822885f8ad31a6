package postgres_test

import (
	"net/url"
	"testing"

	"github.com/stretchr/testify/require"

	"webhookd/internal/store/postgres"
	"webhookd/internal/store/postgres/pgtest"
	"webhookd/internal/tlsfile/tlstest"
)

// What the document says of sslmode is what a server with TLS, and one with another's certificate, is met with.
func TestSSLModes(t *testing.T) {
	t.Parallel()
	authority, strange := tlstest.NewAuthority(t), tlstest.NewAuthority(t)
	cluster := pgtest.NewCluster(t)
	cluster.UseTLS(authority.Issue(t.TempDir(), "db.example.com"))
	cluster.Start()
	connect := func(host, parameters string) error {
		parsed, err := url.Parse(cluster.URL)
		require.NoError(t, err)
		parsed.Host, parsed.RawQuery = host+":"+parsed.Port(), parameters
		return postgres.Migrate(t.Context(), parsed.String())
	}
	const address = "127.0.0.1"
	trusted := "&sslrootcert=" + url.QueryEscape(authority.File)
	require.NoError(t, connect(address, "sslmode=verify-full"+trusted))
	require.NoError(t, connect("localhost", "sslmode=verify-full"+trusted))
	require.NoError(t, connect(address, "sslmode=require"), "it asks for no certificate")
	require.NoError(t, connect(address, ""), "it is encrypted where the server can")

	const anotherName = "127.0.0.2" // the same server, and none of the certificate's names
	require.Error(t, connect(address, "sslmode=disable"), "this server takes nobody without TLS")
	require.ErrorContains(t, connect(address, "sslmode=verify-full&sslrootcert="+url.QueryEscape(strange.File)), "certificate")
	require.ErrorContains(t, connect(anotherName, "sslmode=verify-full"+trusted), "certificate")
	require.NoError(t, connect(anotherName, "sslmode=verify-ca"+trusted), "it does not look at the name")
	require.ErrorContains(t, connect(anotherName, "sslmode=verify-ca&sslrootcert="+url.QueryEscape(strange.File)), "certificate")
}
