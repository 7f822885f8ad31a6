package natsapi_test

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nats.go"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"webhookd/internal/flow"
	"webhookd/internal/natsapi"
	"webhookd/internal/natsbus"
)

// documented runs a NATS server with the permissions that docs/nats-events.md gives, for the user acme.
func documented(t *testing.T) *server.Server {
	t.Helper()
	document, err := os.ReadFile("../../docs/nats-events.md")
	require.NoError(t, err)
	found := regexp.MustCompile("(?s)\n```\n(permissions: .*?)```\n").FindAllSubmatch(document, -1)
	require.Len(t, found, 1)
	dir := t.TempDir()
	file := filepath.Join(dir, "server.conf")
	require.NoError(t, os.WriteFile(file, fmt.Appendf(nil, `
listen: "127.0.0.1:-1"
jetstream: { store_dir: %q }
authorization: { users: [ { user: webhookd, password: all }, { user: acme, password: some, %s } ] }
`, dir, found[0][1]), 0o600))
	options, err := server.ProcessConfigFile(file)
	require.NoError(t, err)
	options.NoSigs, options.NoLog = true, true
	run, err := server.NewServer(options)
	require.NoError(t, err)
	run.Start()
	t.Cleanup(func() { run.Shutdown(); run.WaitForShutdown() })
	require.True(t, run.ReadyForConnections(patience))
	return run
}

// The permissions in the document let a reader of one account do what it says, and not reach another account.
func TestTheDocumentedPermissionsBindAReaderToItsAccount(t *testing.T) {
	t.Parallel()
	run := documented(t)
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	bus, err := natsbus.Open(ctx, natsbus.Config{URL: "nats://webhookd:all@" + run.Addr().String()})
	require.NoError(t, err)
	t.Cleanup(func() { assert.NoError(t, bus.Close()) })
	<-bus.Up()
	require.NoError(t, bus.Prepare(ctx))
	for _, account := range []string{"acme", "other"} {
		require.NoError(t, bus.PutCall(flow.BucketKey(account, "a"), []byte(account))(ctx))
		require.NoError(t, bus.Publish(ctx, flow.Message{
			Subject: flow.Subject(account, "call_started"), ID: account, Body: []byte(account),
		}))
	}
	b := &bundle{bus: bus}
	b.client, err = nats.Connect(run.ClientURL(), nats.UserInfo("webhookd", "all"))
	require.NoError(t, err)
	t.Cleanup(b.client.Close)
	b.serve(t, natsapi.Config{Reader: fixed{}})

	refused := make(chan error, 10)
	acme, err := nats.Connect(run.ClientURL(), nats.UserInfo("acme", "some"), nats.CustomInboxPrefix("_INBOX.acme"),
		nats.ErrorHandler(func(_ *nats.Conn, _ *nats.Subscription, err error) { refused <- err }))
	require.NoError(t, err)
	t.Cleanup(acme.Close)
	reply, err := acme.RequestWithContext(ctx, "webhookd.calls.active.acme", nil)
	require.NoError(t, err)
	assert.JSONEq(t, `{"calls":[],"next":null}`, string(reply.Data))
	heard := make(chan *nats.Msg, 10)
	for _, subject := range []string{"flow.trigger.acme.*", "$KV.calls.acme.*"} {
		_, err := acme.ChanSubscribe(subject, heard)
		require.NoError(t, err)
	}
	require.NoError(t, acme.FlushWithContext(ctx))
	for _, account := range []string{"other", "acme"} {
		require.NoError(t, bus.PutCall(flow.BucketKey(account, "b"), []byte(account))(ctx))
		require.NoError(t, bus.Publish(ctx, flow.Message{
			Subject: flow.Subject(account, "call_ended"), ID: account + " ended", Body: []byte(account),
		}))
	}
	for range 2 {
		select {
		case msg := <-heard:
			assert.Equal(t, "acme", string(msg.Data))
		case <-ctx.Done():
			require.FailNow(t, "nothing is heard")
		}
	}

	for _, subject := range []string{
		"webhookd.calls.active", "webhookd.calls.active.other", "webhookd.calls.get.other",
		"$JS.API.INFO", "$JS.API.STREAM.INFO.FLOW_TRIGGERS", "$JS.API.CONSUMER.MSG.NEXT.FLOW_TRIGGERS.x",
		"$JS.API.CONSUMER.CREATE.FLOW_TRIGGERS.x.flow.trigger.acme.>", "$SRV.PING",
		"$JS.API.CONSUMER.CREATE.FLOW_TRIGGERS", "$JS.API.CONSUMER.CREATE.FLOW_TRIGGERS.x",
		"$JS.API.CONSUMER.CREATE.FLOW_TRIGGERS.x.flow.trigger.other.>", "$JS.API.CONSUMER.CREATE.KV_calls.x.$KV.calls.>",
		"$JS.API.CONSUMER.NAMES.FLOW_TRIGGERS", "$JS.API.DIRECT.GET.KV_calls.$KV.calls.other.a", "$JS.API.DIRECT.GET.KV_calls",
		"$JS.API.STREAM.MSG.GET.KV_calls", "$JS.API.STREAM.DELETE.KV_calls", "$KV.calls.acme.a", "flow.trigger.acme.call_started",
	} {
		require.NoError(t, acme.PublishRequest(subject, "_INBOX.acme.x", nil))
		requireRefused(ctx, t, refused, `Publish to "`+subject+`"`)
	}
	for _, subject := range []string{"flow.trigger.>", "flow.trigger.other.>", "$KV.calls.>", "_INBOX.>", "webhookd.calls.>"} {
		_, err := acme.SubscribeSync(subject)
		require.NoError(t, err)
		requireRefused(ctx, t, refused, `Subscription to "`+subject+`"`)
	}
}

func requireRefused(ctx context.Context, t *testing.T, refused <-chan error, what string) {
	t.Helper()
	for {
		select {
		case err := <-refused:
			if strings.Contains(err.Error(), "$JS.API.CONSUMER.DELETE.") {
				continue // clients tidy up behind them; that is not allowed, and does no harm
			}
			require.ErrorContains(t, err, "Permissions Violation for "+what)
			return
		case <-ctx.Done():
			require.FailNow(t, "not refused", what)
		}
	}
}
