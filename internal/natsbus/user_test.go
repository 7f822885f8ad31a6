package natsbus_test

import (
	"context"
	"crypto/tls"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nats.go"
	"github.com/nats-io/nkeys"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"webhookd/internal/flow"
	"webhookd/internal/natsbus"
	"webhookd/internal/tlsfile"
	"webhookd/internal/tlsfile/tlstest"
)

// newNkey makes an nkey of a user: its public key, and the file with its seed.
func newNkey(t *testing.T) (public, seedFile string) {
	t.Helper()
	pair, err := nkeys.CreateUser()
	require.NoError(t, err)
	public, err = pair.PublicKey()
	require.NoError(t, err)
	seed, err := pair.Seed()
	require.NoError(t, err)
	seedFile = filepath.Join(t.TempDir(), "user.nk")
	require.NoError(t, os.WriteFile(seedFile, seed, 0o600))
	return public, seedFile
}

// guarded opens a server that encrypts and asks who one is, with a user for everything, one for acme and one, by its nkey,
// for other; and puts a call and an event of both accounts there.
func guarded(t *testing.T) (bus *natsbus.Bus, trust *tls.Config, seedFile string) {
	t.Helper()
	authority := tlstest.NewAuthority(t)
	certFile, keyFile := authority.Issue(t.TempDir(), "nats.example.com")
	certificate, err := tlsfile.Open(certFile, keyFile, slog.New(slog.DiscardHandler), time.Now)
	require.NoError(t, err)
	public, seedFile := newNkey(t)
	bus = open(t, natsbus.Config{
		StoreDir: t.TempDir(), Listen: "127.0.0.1:0", WebSocketListen: "127.0.0.1:0",
		WebSocketOrigins: []string{"https://board.example.com"}, TLS: certificate.Server(),
		Users: []natsbus.User{
			{Name: "all", Password: "password-of-all"},
			{Name: "acme", Account: "acme", Password: "password-of-acme"},
			{Name: "other", Account: "other", Nkey: public},
		},
	})
	ctx := testContext(t)
	for _, account := range []string{"acme", "other"} {
		require.NoError(t, bus.PutCall(flow.BucketKey(account, "a"), []byte(account))(ctx))
		require.NoError(t, bus.Publish(ctx, message(account, "call_started", "id-of-"+account)))
	}
	return bus, authority.Client(), seedFile
}

func TestUsersOfTheEmbeddedServerLogInOverTLS(t *testing.T) {
	t.Parallel()
	bus, trust, seedFile := guarded(t)
	nkey, err := nats.NkeyOptionFromSeed(seedFile)
	require.NoError(t, err)
	_, strange := newNkey(t)
	stranger, err := nats.NkeyOptionFromSeed(strange)
	require.NoError(t, err)
	secure := nats.Secure(trust)
	for name, c := range map[string]struct {
		url     string
		options []nats.Option
		welcome bool
	}{
		"by password":                    {bus.URL(), []nats.Option{secure, nats.UserInfo("acme", "password-of-acme")}, true},
		"by nkey":                        {bus.URL(), []nats.Option{secure, nkey}, true},
		"by password over the WebSocket": {bus.WebSocketURL(), []nats.Option{secure, nats.UserInfo("all", "password-of-all")}, true},
		"by nkey over the WebSocket":     {bus.WebSocketURL(), []nats.Option{secure, nkey}, true},
		"as nobody":                      {bus.URL(), []nats.Option{secure}, false},
		"as nobody over the WebSocket":   {bus.WebSocketURL(), []nats.Option{secure}, false},
		"with a wrong password":          {bus.URL(), []nats.Option{secure, nats.UserInfo("acme", "password-of-all")}, false},
		"with an empty password":         {bus.URL(), []nats.Option{secure, nats.UserInfo("other", "")}, false},
		"by another nkey":                {bus.URL(), []nats.Option{secure, stranger}, false},
		"without trust":                  {bus.URL(), []nats.Option{nats.UserInfo("acme", "password-of-acme")}, false},
		"as the service":                 {bus.URL(), []nats.Option{secure, nats.UserInfo("webhookd", "")}, false},
	} {
		client, err := nats.Connect(c.url, append(c.options, nats.Timeout(10*time.Second))...)
		assert.Equal(t, c.welcome, err == nil, "%s: %v", name, err)
		if err == nil {
			client.Close()
		}
	}
}

// A user of one account sees that account and no other, in every way there is to look.
func TestAUserOfOneAccountSeesThatAccount(t *testing.T) {
	t.Parallel()
	bus, trust, seedFile := guarded(t)
	nkey, err := nats.NkeyOptionFromSeed(seedFile)
	require.NoError(t, err)
	for account, c := range map[string]struct {
		other string
		login nats.Option
	}{
		"acme":  {"other", nats.UserInfo("acme", "password-of-acme")},
		"other": {"acme", nkey},
	} {
		t.Run(account, func(t *testing.T) {
			t.Parallel()
			ctx := testContext(t)
			refused := make(chan error, 100)
			client, err := nats.Connect(bus.URL(), nats.Secure(trust), c.login, nats.CustomInboxPrefix("_INBOX."+account),
				nats.ErrorHandler(func(_ *nats.Conn, _ *nats.Subscription, err error) { refused <- err }))
			require.NoError(t, err)
			t.Cleanup(client.Close)
			heard := make(chan *nats.Msg, 10)
			for _, subject := range []string{"flow.trigger." + account + ".*", "$KV.calls." + account + ".*"} {
				_, err := client.ChanSubscribe(subject, heard)
				require.NoError(t, err)
			}
			require.NoError(t, client.FlushWithContext(ctx))
			for _, whose := range []string{c.other, account} {
				require.NoError(t, bus.PutCall(flow.BucketKey(whose, "b"), []byte(whose))(ctx))
				require.NoError(t, bus.Publish(ctx, message(whose, "call_ended", "ended-of-"+account+"-"+whose)))
			}
			for range 2 {
				select {
				case msg := <-heard:
					assert.Contains(t, msg.Subject, "."+account+".")
				case <-ctx.Done():
					require.FailNow(t, "nothing is heard")
				}
			}

			for _, subject := range []string{
				"webhookd.calls.active", "webhookd.calls.get." + c.other, "$JS.API.CONSUMER.CREATE.FLOW_TRIGGERS",
				"$JS.API.INFO", "$JS.API.STREAM.INFO.FLOW_TRIGGERS", "$JS.API.CONSUMER.MSG.NEXT.FLOW_TRIGGERS.x",
				"$JS.API.CONSUMER.CREATE.FLOW_TRIGGERS.x.flow.trigger." + account + ".>", "$SRV.PING", "$JS.ACK.x",
				"$JS.API.CONSUMER.CREATE.FLOW_TRIGGERS.x.flow.trigger." + c.other + ".>", "$JS.API.CONSUMER.NAMES.FLOW_TRIGGERS",
				"$JS.API.CONSUMER.CREATE.KV_calls.x.$KV.calls.>", "$JS.API.DIRECT.GET.KV_calls.$KV.calls." + c.other + ".a",
				"$JS.API.STREAM.MSG.GET.KV_calls", "$JS.API.STREAM.DELETE.KV_calls", "$KV.calls." + account + ".a",
				"flow.trigger." + account + ".call_started", "$SYS.REQ.SERVER.PING",
			} {
				require.NoError(t, client.PublishRequest(subject, "_INBOX."+account+".x", nil))
				requireRefusal(ctx, t, refused, `Publish to "`+subject+`"`)
			}
			for _, subject := range []string{
				"flow.trigger.>", "flow.trigger." + c.other + ".>", "$KV.calls.>", "_INBOX.>", "_INBOX." + c.other + ".>", ">",
			} {
				_, err := client.SubscribeSync(subject)
				require.NoError(t, err)
				requireRefusal(ctx, t, refused, `Subscription to "`+subject+`"`)
			}
		})
	}
}

func requireRefusal(ctx context.Context, t *testing.T, refused <-chan error, what string) {
	t.Helper()
	for {
		select {
		case err := <-refused:
			if strings.Contains(err.Error(), "Permissions Violation for "+what) {
				return
			} // else clients tidying up behind them, which is not allowed, and does no harm
		case <-ctx.Done():
			require.FailNow(t, "not refused", what)
		}
	}
}

func TestAGuardedServerMayBeReachedFromElsewhere(t *testing.T) {
	t.Parallel()
	config := natsbus.Config{StoreDir: t.TempDir(), Listen: "0.0.0.0:0", Users: []natsbus.User{{Name: "a", Password: "b"}}}
	_, err := natsbus.Open(testContext(t), config)
	require.ErrorIs(t, err, natsbus.ErrNotLoopback, "passwords would go over the network as they are")
	authority := tlstest.NewAuthority(t)
	pair, err := tls.LoadX509KeyPair(authority.Issue(t.TempDir(), "nats.example.com"))
	require.NoError(t, err)
	config.TLS = &tls.Config{Certificates: []tls.Certificate{pair}, MinVersion: tls.VersionTLS12}
	bus := open(t, config)
	require.NoError(t, bus.Ready(testContext(t)))
}

// secured runs a NATS server of an operator's, who asks for a certificate and an nkey.
func secured(t *testing.T, authority *tlstest.Authority, nkey string) *server.Server {
	t.Helper()
	pair, err := tls.LoadX509KeyPair(authority.Issue(t.TempDir(), "nats.example.com"))
	require.NoError(t, err)
	run, err := server.NewServer(&server.Options{
		Host: "127.0.0.1", Port: server.RANDOM_PORT, JetStream: true, StoreDir: t.TempDir(), NoSigs: true, NoLog: true,
		TLS: true, TLSVerify: true, TLSTimeout: 10, AuthTimeout: 10,
		TLSConfig: &tls.Config{
			Certificates: []tls.Certificate{pair}, ClientAuth: tls.RequireAndVerifyClientCert, ClientCAs: authority.Client().RootCAs,
			MinVersion: tls.VersionTLS12,
		},
		Nkeys: []*server.NkeyUser{{Nkey: nkey}},
	})
	require.NoError(t, err)
	run.Start()
	t.Cleanup(func() { run.Shutdown(); run.WaitForShutdown() })
	require.True(t, run.ReadyForConnections(20*time.Second))
	return run
}

func TestAClusterThatAsksForCertificateAndNkey(t *testing.T) {
	t.Parallel()
	authority, strange := tlstest.NewAuthority(t), tlstest.NewAuthority(t)
	public, seedFile := newNkey(t)
	run := secured(t, authority, public)
	certFile, keyFile := authority.Issue(t.TempDir(), "webhookd")
	good := natsbus.Config{
		URL: "tls://" + run.Addr().String(), RootCA: authority.File, ClientCert: certFile, ClientKey: keyFile, Nkey: seedFile,
	}
	ctx := testContext(t)
	bus := open(t, good)
	select {
	case <-bus.Up():
	case <-ctx.Done():
		require.FailNow(t, "not connected")
	}
	require.NoError(t, bus.Prepare(ctx))
	require.NoError(t, bus.Publish(ctx, message("acme", "call_started", "id-1")))

	for name, change := range map[string]func(*natsbus.Config){
		"another authority's server": func(c *natsbus.Config) { c.RootCA = strange.File },
		"no certificate of ours":     func(c *natsbus.Config) { c.ClientCert, c.ClientKey = "", "" },
		"no nkey":                    func(c *natsbus.Config) { c.Nkey = "" },
	} {
		config := good
		change(&config)
		unwelcome := open(t, config)
		require.ErrorIs(t, unwelcome.Ready(ctx), natsbus.ErrDisconnected, name)
	}
}

func TestFilesThatCannotBeUsedAreToldAtOnce(t *testing.T) {
	t.Parallel()
	absent := filepath.Join(t.TempDir(), "absent")
	for name, config := range map[string]natsbus.Config{
		"credentials": {Credentials: absent},
		"nkey":        {Nkey: absent},
		"authority":   {RootCA: absent},
		"certificate": {ClientCert: absent, ClientKey: absent},
	} {
		config.URL = "nats://127.0.0.1:1"
		_, err := natsbus.Open(testContext(t), config)
		require.ErrorContains(t, err, absent, name)
	}
}

// A client names the subject that it is answered on. Only an inbox is answered: an answer goes out with webhookd's rights.
func TestNoAnswerGoesWhereItWouldDoHarm(t *testing.T) {
	t.Parallel()
	bus, trust, _ := guarded(t)
	ctx := testContext(t)
	run, stop := context.WithCancel(ctx)
	ended, asked := make(chan error, 1), make(chan string, 10)
	go func() {
		ended <- bus.Serve(run, natsbus.Service{Name: "webhookd", Version: "1.0.0", Endpoints: []natsbus.Endpoint{{
			Name: "get", Subject: "webhookd.calls.get.*",
			Answer: func(_ context.Context, _ string, data []byte) ([]byte, error) {
				asked <- string(data)
				return nil, &natsbus.ServiceError{Code: 404, Description: "no such call"}
			},
		}}})
	}()
	t.Cleanup(func() { stop(); assert.NoError(t, <-ended) })
	acme, err := nats.Connect(bus.URL(), nats.Secure(trust), nats.UserInfo("acme", "password-of-acme"), nats.CustomInboxPrefix("_INBOX.acme"))
	require.NoError(t, err)
	t.Cleanup(acme.Close)
	ask := func(data string) error {
		_, err := acme.Request("webhookd.calls.get.acme", []byte(data), 100*time.Millisecond)
		return err
	}
	require.Eventually(t, func() bool { return ask("first") == nil }, 20*time.Second, 10*time.Millisecond)
	for _, reply := range []string{
		"$JS.API.STREAM.DELETE.FLOW_TRIGGERS", "$JS.API.STREAM.PURGE.KV_calls", "flow.trigger.other.call_started", "$KV.calls.other.a",
	} {
		require.NoError(t, acme.PublishRequest("webhookd.calls.get.acme", reply, []byte("harm")))
	}
	require.NoError(t, ask("last"), "those before it are through")
	for data := ""; data != "last"; {
		data = <-asked
		require.NotEqual(t, "harm", data)
	}
	assert.EqualValues(t, 2, stored(t, bus))
	entry, err := bus.JetStream().KeyValue(ctx, flow.BucketName)
	require.NoError(t, err)
	value, err := entry.Get(ctx, "other.a")
	require.NoError(t, err)
	assert.Equal(t, "other", string(value.Value()))
}
