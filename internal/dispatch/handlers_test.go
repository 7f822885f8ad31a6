package dispatch_test

import (
	"encoding/json"
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"webhookd/internal/store"
	"webhookd/internal/trigger"
	"webhookd/internal/triggerapi"
)

// definition is a handler's JSON.
func definition(name, more string) []byte {
	return fmt.Appendf(nil, `{"name":%q,"on":["call_missed"],"do":[{"type":"send_msg","text":"Hello"}]%s}`, name, more)
}

func TestHandlersAreKeptOverTheAPI(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, in *installation) {
		ctx := t.Context()
		created, err := in.service.CreateHandler(ctx, "", definition("a", ""))
		require.NoError(t, err)
		require.Equal(t, "a", created.Name)
		require.Equal(t, store.HandlerFromAPI, created.Source)
		require.True(t, created.Enabled)
		require.Equal(t, noon, created.UpdatedAt)
		require.Equal(t, created, in.counts(t, "a"))
		in.take(t, call{1, customer, noon}.missed(9*time.Second)...)
		require.Len(t, in.texts(t), 1, "it is in force at once")

		_, err = in.service.CreateHandler(ctx, "", definition("a", ""))
		require.ErrorIs(t, err, triggerapi.ErrExists)

		in.pass(t, time.Minute)
		replaced, isNew, err := in.service.ReplaceHandler(ctx, "", "a", definition("a", `,"after":"1m"`))
		require.NoError(t, err)
		require.False(t, isNew)
		require.Contains(t, string(replaced.Definition), `"after":"1m"`)
		require.EqualValues(t, 1, replaced.Fired, "counters stay")
		require.Equal(t, replaced, in.counts(t, "a"))
		_, isNew, err = in.service.ReplaceHandler(ctx, "", "b", definition("b", ""))
		require.NoError(t, err)
		require.True(t, isNew)
		_, _, err = in.service.ReplaceHandler(ctx, "", "c", definition("b", ""))
		var wrong *trigger.DefinitionError
		require.ErrorAs(t, err, &wrong)
		require.Equal(t, "name", wrong.Problems[0].Field)
		_, err = in.service.CreateHandler(ctx, "", definition("c", `,"when":"call.nothing"`))
		require.ErrorAs(t, err, &wrong)
		_, _, err = in.service.ReplaceHandler(ctx, "", "a", definition("a", `,"whom":1`))
		require.ErrorAs(t, err, &wrong)
		require.Equal(t, replaced, in.counts(t, "a"), "what is refused changes nothing")

		off, err := in.service.SwitchHandler(ctx, "", "a", false)
		require.NoError(t, err)
		require.False(t, off.Enabled)
		in.take(t, call{2, customer, in.Now()}.missed(9*time.Second)...)
		require.Equal(t, []string{"a msg_created Hello", "b msg_created Hello"}, in.texts(t))
		on, err := in.service.SwitchHandler(ctx, "", "a", true)
		require.NoError(t, err)
		require.True(t, on.Enabled)
		_, err = in.service.SwitchHandler(ctx, "", "nothing", true)
		require.ErrorIs(t, err, store.ErrNotFound)

		require.NoError(t, in.service.DropHandler(ctx, "", "a"))
		require.ErrorIs(t, in.service.DropHandler(ctx, "", "a"), store.ErrNotFound)
		in.take(t, call{3, customer, in.Now()}.missed(9*time.Second)...)
		require.Len(t, in.texts(t), 3)
		require.Len(t, in.triggers(t, "a"), 1, "what it did stays")
	})
}

func TestTheFileOwnsItsHandlers(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, in *installation) {
		ctx := t.Context()
		_, err := in.service.CreateHandler(ctx, "", definition("sorry", ""))
		require.NoError(t, err)
		in.handlers(t, sorry) // takes the name over
		require.Equal(t, store.HandlerFromFile, in.counts(t, "sorry").Source)
		_, _, err = in.service.ReplaceHandler(ctx, "", "sorry", definition("sorry", ""))
		require.ErrorIs(t, err, triggerapi.ErrOfFile)
		require.ErrorIs(t, in.service.DropHandler(ctx, "", "sorry"), triggerapi.ErrOfFile)
		_, err = in.service.CreateHandler(ctx, "", definition("sorry", ""))
		require.ErrorIs(t, err, triggerapi.ErrExists)

		_, err = in.service.SwitchHandler(ctx, "", "sorry", false)
		require.NoError(t, err)
		in.handlers(t, sorry)
		require.False(t, in.counts(t, "sorry").Enabled, "it stays off while its definition stays")
		in.handlers(t, sorryLater)
		require.True(t, in.counts(t, "sorry").Enabled)

		_, err = in.service.CreateHandler(ctx, "", definition("mine", ""))
		require.NoError(t, err)
		in.handlers(t, " []")
		_, err = in.st.Handler(ctx, "sorry")
		require.ErrorIs(t, err, store.ErrNotFound)
		in.counts(t, "mine") // stays
	})
}

func TestAScopeSeesItsOwnHandlersOnly(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, in *installation) {
		ctx := t.Context()
		for _, name := range []string{"of-all", "of-crm", "of-shop"} {
			more := ""
			if name != "of-all" {
				more = fmt.Sprintf(`,"account":%q`, name[3:])
			}
			_, err := in.service.CreateHandler(ctx, "", definition(name, more))
			require.NoError(t, err)
		}
		created, err := in.service.CreateHandler(ctx, "crm", definition("new", ""))
		require.NoError(t, err)
		require.Equal(t, "crm", created.Account)
		require.Contains(t, string(created.Definition), `"account":"crm"`)
		_, err = in.service.CreateHandler(ctx, "crm", definition("other", `,"account":"shop"`))
		require.ErrorIs(t, err, triggerapi.ErrForeign)
		_, err = in.service.CreateHandler(ctx, "crm", definition("of-shop", ""))
		require.ErrorIs(t, err, triggerapi.ErrExists)

		_, _, err = in.service.ReplaceHandler(ctx, "crm", "of-crm", definition("of-crm", `,"after":"1m"`))
		require.NoError(t, err)
		require.Equal(t, "crm", in.counts(t, "of-crm").Account)
		for _, foreign := range []string{"of-all", "of-shop"} {
			_, _, err = in.service.ReplaceHandler(ctx, "crm", foreign, definition(foreign, ""))
			require.ErrorIs(t, err, triggerapi.ErrExists)
			_, err = in.service.SwitchHandler(ctx, "crm", foreign, false)
			require.ErrorIs(t, err, store.ErrNotFound)
			require.ErrorIs(t, in.service.DropHandler(ctx, "crm", foreign), store.ErrNotFound)
			require.True(t, in.counts(t, foreign).Enabled)
		}
		_, err = in.service.SwitchHandler(ctx, "crm", "of-crm", false)
		require.NoError(t, err)
		require.NoError(t, in.service.DropHandler(ctx, "crm", "of-crm"))

		sampleCall := triggerapi.Trial{Account: "crm", Event: json.RawMessage(`{"type":"call_missed"}`)}
		tried, err := in.service.TryHandler(ctx, "crm", "of-all", sampleCall)
		require.NoError(t, err)
		require.True(t, tried.Matches)
		_, err = in.service.TryHandler(ctx, "crm", "of-shop", sampleCall)
		require.ErrorIs(t, err, store.ErrNotFound)
		tried, err = in.service.TryHandler(ctx, "", "of-shop", sampleCall)
		require.NoError(t, err)
		require.False(t, tried.Matches)
		require.Equal(t, `the handler is for the account "shop" only`, tried.Reason)
	})
}

// Whoever reads a handler, changes it and writes it back leaves its secrets as they are.
func TestSecretsAreKept(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, in *installation) {
		ctx := t.Context()
		calls := func(secret, more string) []byte {
			return fmt.Appendf(nil, `{"name":"crm","on":["call_missed"],"do":[{"type":"call_webhook","method":"POST",`+
				`"url":"https://crm.example.com/hook","secret":%q}]%s}`, secret, more)
		}
		_, err := in.service.CreateHandler(ctx, "", calls("REDACTED", ""))
		var wrong *trigger.DefinitionError
		require.ErrorAs(t, err, &wrong, "that is no secret")
		require.Equal(t, "do[0].secret", wrong.Problems[0].Field)
		_, _, err = in.service.ReplaceHandler(ctx, "", "crm", calls("REDACTED", ""))
		require.ErrorAs(t, err, &wrong, "nor is there one to be kept")

		_, err = in.service.CreateHandler(ctx, "", calls("the-first-secret", ""))
		require.NoError(t, err)
		kept, _, err := in.service.ReplaceHandler(ctx, "", "crm", calls("REDACTED", `,"after":"1m"`))
		require.NoError(t, err)
		require.Contains(t, string(kept.Definition), "the-first-secret")
		require.Contains(t, string(kept.Definition), `"after":"1m"`)
		kept, _, err = in.service.ReplaceHandler(ctx, "", "crm", calls("the-second-secret", ""))
		require.NoError(t, err)
		require.Contains(t, string(kept.Definition), "the-second-secret")

		elsewhere := []byte(`{"name":"crm","on":["call_missed"],"do":[{"type":"call_webhook","method":"POST",` +
			`"url":"https://elsewhere.example.com/","secret":"REDACTED"}]}`)
		_, _, err = in.service.ReplaceHandler(ctx, "", "crm", elsewhere)
		require.ErrorAs(t, err, &wrong, "a secret does not go with another address")
		require.NotContains(t, err.Error(), "the-second-secret")
	})
}

// One that no version of the program can read any more can still be replaced.
func TestAHandlerThatCannotBeReadIsReplaced(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, in *installation) {
		ctx := t.Context()
		require.NoError(t, in.st.Write(ctx, func(tx store.Tx) error {
			return tx.PutHandlers(ctx, []store.Handler{{
				Name: "old", Source: store.HandlerFromAPI, Definition: []byte(`{"name":"old","of":"a newer version"}`), Enabled: true,
			}})
		}))
		require.NoError(t, in.service.Dispatcher.Book.Refresh(ctx))
		_, _, err := in.service.ReplaceHandler(ctx, "", "old", definition("old", ""))
		require.NoError(t, err)
		in.take(t, call{1, customer, noon}.missed(9*time.Second)...)
		require.Equal(t, []string{"old msg_created Hello"}, in.texts(t))
	})
}

func TestSubscribersAndTopics(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, in *installation) {
		ctx := t.Context()
		kept, err := in.service.PutSubscriber(ctx, account, store.Subscriber{ID: "anna", Email: "anna@example.com"})
		require.NoError(t, err)
		require.Equal(t, account, kept.Account)
		kept, err = in.service.PutSubscriber(ctx, account, store.Subscriber{ID: "anna", Phone: "+48503200104"})
		require.NoError(t, err)
		require.Equal(t, "anna@example.com", kept.Email, "what is not given stays")
		require.Equal(t, "+48503200104", kept.Phone)
		require.ErrorIs(t, in.service.DropSubscriber(ctx, account, "nobody"), store.ErrNotFound)

		topic, created, err := in.service.PutTopic(ctx, account, triggerapi.Topic{Key: "news"})
		require.NoError(t, err)
		require.True(t, created)
		require.Equal(t, "news", topic.Key)
		topic, created, err = in.service.PutTopic(ctx, account, triggerapi.Topic{Key: "news", Name: "News"})
		require.NoError(t, err)
		require.False(t, created)
		require.Equal(t, "News", topic.Name)
		_, err = in.service.RenameTopic(ctx, account, triggerapi.Topic{Key: "none", Name: "None"})
		require.ErrorIs(t, err, store.ErrNotFound)
		topic, err = in.service.RenameTopic(ctx, account, triggerapi.Topic{Key: "news", Name: "New"})
		require.NoError(t, err)
		require.Equal(t, "New", topic.Name)

		joined, err := in.service.JoinTopic(ctx, account, "news", []string{"nobody", "anna"})
		require.NoError(t, err)
		require.Equal(t, triggerapi.Joined{Succeeded: []string{"anna"}, NotFound: []string{"nobody"}}, joined)
		joined, err = in.service.JoinTopic(ctx, account, "made", []string{"anna"})
		require.NoError(t, err)
		require.Equal(t, triggerapi.Joined{Succeeded: []string{"anna"}}, joined)
		found, err := in.st.Topic(ctx, account, "made")
		require.NoError(t, err)
		require.Equal(t, 1, found.Subscribers)
		require.NoError(t, in.service.LeaveTopic(ctx, account, "made", []string{"anna", "nobody"}))
		require.ErrorIs(t, in.service.LeaveTopic(ctx, account, "none", []string{"anna"}), store.ErrNotFound)

		require.NoError(t, in.service.DropSubscriber(ctx, account, "anna"))
		found, err = in.st.Topic(ctx, account, "news")
		require.NoError(t, err)
		require.Zero(t, found.Subscribers)
		require.NoError(t, in.service.DropTopic(ctx, account, "news"))
		require.ErrorIs(t, in.service.DropTopic(ctx, account, "news"), store.ErrNotFound)
	})
}
