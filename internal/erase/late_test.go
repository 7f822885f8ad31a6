package erase_test

import (
	"context"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"webhookd/internal/dialog"
	"webhookd/internal/ingest"
	"webhookd/internal/store"
	"webhookd/internal/store/everystore"
)

const (
	theirLeg  = "ff12a10f-c39f-4ba6-9aed-f8693fa4f3f7"
	agentsLeg = "aa12a10f-c39f-4ba6-9aed-f8693fa4f3f7"
)

// update is a webhook of a leg that tells so much more.
func update(leg, second, more string) []byte {
	return fmt.Appendf(nil, `{"event_type":"user_dialog","event_name":"dialog_state_update","event_time":"2026-02-02 09:00:%s",`+
		`"dialog_uuid":%q%s}`, second, leg, more)
}

// anonymous is a webhook that closes a leg, and tells a name in the place where the PBX tells that of one who hides the number.
func anonymous(leg, name, more string) []byte {
	return fmt.Appendf(nil, `{"event_type":"user_dialog","event_name":"dialog_close","event_time":"2026-02-02 09:05:00",`+
		`"dialog_uuid":%q,"close_cause":"HANGUP","anonymous":{"display_name":%q}%s}`, leg, name, more)
}

// A name that is told for the first time after an erasure is recognised as the person's, whatever it stands beside, and so is
// whatever else tells it of the call, before it or after it, at any instance.
func TestANameThatIsToldOnlyAfterAnErasure(t *testing.T) {
	t.Parallel()
	const number, name = "48501200101", "Jan Nowy"
	everystore.Each(t, nil, func(t *testing.T, database everystore.Database) {
		b := setup(t, database)
		for what, late := range map[string][][]byte{
			"beside the number":         {anonymous(theirLeg, name, `,"self_target":"`+number+`"`)},
			"on the leg":                {update(theirLeg, "01", `,"self_name":"`+name+`"`)},
			"on the leg, as anonymous":  {anonymous(theirLeg, name, "")},
			"then by a consultant":      {anonymous(theirLeg, name, ""), update(agentsLeg, "02", `,"peer_name":"`+name+`"`)},
			"by a consultant before it": {update(agentsLeg, "02", `,"peer_name":"`+name+`"`), anonymous(theirLeg, name, "")},
			"of another family": {
				anonymous(theirLeg, name, ""),
				[]byte(`{"event_name":"contact_updated","event_time":"2026-02-02 09:01:00","phone":"` + number + `","title":"` + name + `"}`),
			},
		} {
			account := strings.ReplaceAll(strings.ReplaceAll(what, " ", "-"), ",", "")
			before := [][]byte{
				outside(theirLeg, number, "", ""),
				update(agentsLeg, "01", `,"dialog_type":"CONSULTANT","direction":"INBOUND","initial_application_info":{"data":{"caller_dialog_uuid":"`+theirLeg+`"}}`),
			}
			b.take(t, account, before...)
			first, err := b.Erase(t.Context(), account, number, false)
			require.NoError(t, err)
			require.Equal(t, len(late), b.take(t, account, late...), what)
			all := b.withoutHistory(t, account)
			requireGone(t, all, name, what)
			requireGone(t, all, number, what)
			require.Contains(t, string(b.calls(t, account)[0].Record), `"name":"`+first.Pseudonym+`-`, what)
			require.Zero(t, b.take(t, account, append(before, late...)...), "%s: sent again", what)
			require.Equal(t, all, b.withoutHistory(t, account), what)

			second, err := b.Erase(t.Context(), account, number, false)
			require.NoError(t, err)
			require.Equal(t, first.Pseudonym, second.Pseudonym)
			require.Zero(t, second.Tables["journal"], what)
			requireGone(t, b.everything(t, account), name, what)
			require.Zero(t, b.take(t, account, append(before, late...)...), "%s: sent again", what)
			third, err := b.Erase(t.Context(), account, number, false)
			require.NoError(t, err)
			require.Empty(t, third.Tables, what)
		}
		b.requireRebuilt(t)
	})
}

// withoutHistory gives everything that is stored of an account but its outbox, which the next erasure goes through.
func (b *bundle) withoutHistory(t *testing.T, account string) string {
	t.Helper()
	lines := slices.Collect(strings.Lines(b.everything(t, account)))
	return strings.Join(slices.DeleteFunc(lines, func(line string) bool { return strings.HasPrefix(line, "outbox ") }), "")
}

// Another instance recognises a name that one has learnt, and what the PBX's own records tell is learnt from alike.
func TestANameIsLearntForAllInstances(t *testing.T) {
	t.Parallel()
	everystore.Each(t, nil, func(t *testing.T, database everystore.Database) {
		const number, name = "48501200101", "Jan Nowy"
		b := setup(t, database)
		b.take(t, "acme", outside(theirLeg, number, "", ""))
		_, err := b.Erase(t.Context(), "acme", number, false)
		require.NoError(t, err)
		require.Equal(t, 1, b.ask(t, ingest.EventRecord, `{"dialog_uuid":"`+theirLeg+`","dialog_type":"EXTERNAL",`+
			`"business_direction":"INBOUND","from_display_target":"`+number+`","from_display_name":"`+name+`",`+
			`"start_time":"2026-02-02 09:00:00","hangup_time":"2026-02-02 09:02:40","business_end_cause":"HANGUP"}`).Taken)
		other := b.instances(t, database)[1]
		body := update(theirLeg, "03", `,"note":"`+name+`"`)
		webhook, err := dialog.Decode(body)
		require.NoError(t, err)
		require.NoError(t, other.Store.Write(t.Context(), func(tx store.Tx) error {
			piece := ingest.NewPiece("acme", time.Now().UTC().Truncate(time.Microsecond), &webhook, body)
			return other.Engine.Apply(t.Context(), tx, time.Now(), []*ingest.Piece{piece})
		}))
		requireGone(t, b.everything(t, "acme"), name, "learnt")
		require.Zero(t, b.take(t, "acme", body), "sent again")
		b.requireRebuilt(t)
	})
}

// A webhook that told a name before anybody knew whose it is, is a duplicate when it is sent again, also where something else
// in it was replaced then, and the name would be now.
func TestAWebhookIsADuplicateWhateverWasLearntSince(t *testing.T) {
	t.Parallel()
	everystore.Each(t, nil, func(t *testing.T, database everystore.Database) {
		const number, name, known, another = "48501200101", "Jan Nowy", "Jan Znany", "bb12a10f-c39f-4ba6-9aed-f8693fa4f3f7"
		b := setup(t, database)
		b.take(t, "acme", outside(theirLeg, number, known, ""), outside(another, number, "", ""))
		_, err := b.Erase(t.Context(), "acme", number, false)
		require.NoError(t, err)
		var early [][]byte
		for i, more := range []string{`"` + number + `"`, `"` + known + `"`, `["` + number + `","` + known + `"]`} {
			early = append(early, update(theirLeg, fmt.Sprintf("%02d", i), `,"note":"`+name+`","beside":`+more),
				fmt.Appendf(nil, `{"event_name":"note_added","event_time":"2026-02-02 09:00:00","n":%d,"about":%q,"note":%q,"more":%s}`,
					i, number, name, more))
		}
		require.Equal(t, len(early), b.take(t, "acme", early...))
		require.Contains(t, b.everything(t, "acme"), name, "nobody knows it for theirs")
		require.Equal(t, 1, b.take(t, "acme", anonymous(another, name, "")))
		require.Zero(t, b.take(t, "acme", early...), "sent again")
		_, err = b.Erase(t.Context(), "acme", number, false)
		require.NoError(t, err)
		requireGone(t, b.everything(t, "acme"), name, "erased again")
		require.Zero(t, b.take(t, "acme", early...), "sent again")
		b.requireRebuilt(t)
	})
}

// meanwhile is a store of an erasure that lets something happen once, when a table is read for the first time: the first
// while it is still looked for the person, the outbox as the last.
type meanwhile struct {
	store.Store
	table   store.PersonTable
	happens func()
}

func (m *meanwhile) PersonRows(
	ctx context.Context, account string, table store.PersonTable, after string, limit int,
) ([]store.PersonRow, error) {
	if happens := m.happens; happens != nil && table == m.table {
		m.happens = nil
		happens()
	}
	return m.Store.PersonRows(ctx, account, table, after, limit)
}

// A name that a webhook tells while an erasure goes on is taken out, and still known when that has ended.
func TestANameThatIsToldDuringAnErasureIsNotForgotten(t *testing.T) {
	t.Parallel()
	everystore.Each(t, nil, func(t *testing.T, database everystore.Database) {
		const number, name = "48501200101", "Jan Nowy"
		b := setup(t, database)
		for _, table := range []store.PersonTable{store.PersonTables[0], store.PersonOutbox} {
			account := string(table)
			b.take(t, account, outside(theirLeg, number, "", ""))
			service := *b.Service
			service.Store = &meanwhile{Store: b.Store, table: table, happens: func() {
				require.Equal(t, 1, b.take(t, account, anonymous(theirLeg, name, "")))
			}}
			_, err := service.Erase(t.Context(), account, number, false)
			require.NoError(t, err)
			requireGone(t, b.everything(t, account), name, "told during it")
			late := update(theirLeg, "04", `,"note":"`+name+`"`)
			require.Equal(t, 1, b.take(t, account, late))
			requireGone(t, b.everything(t, account), name, "late")
			kept, err := b.Erasures(t.Context(), account)
			require.NoError(t, err)
			require.Len(t, kept[0].Marks, 4, "the number, its last digits, the key and the name")
			require.Zero(t, b.take(t, account, late, anonymous(theirLeg, name, "")), "sent again")
		}
		b.requireRebuilt(t)
	})
}

// What a transaction that failed has learnt is learnt again by the next one.
func TestWhatATransactionHasLearntIsForgottenWithIt(t *testing.T) {
	t.Parallel()
	everystore.Each(t, nil, func(t *testing.T, database everystore.Database) {
		const number, name = "48501200101", "Jan Nowy"
		b := setup(t, database)
		b.take(t, "acme", outside(theirLeg, number, "", ""))
		_, err := b.Erase(t.Context(), "acme", number, false)
		require.NoError(t, err)
		body := anonymous(theirLeg, name, "")
		webhook, err := dialog.Decode(body)
		require.NoError(t, err)
		require.ErrorIs(t, b.Write(t.Context(), func(tx store.Tx) error {
			piece := ingest.NewPiece("acme", time.Now().UTC().Truncate(time.Microsecond), &webhook, body)
			require.NoError(t, b.Engine.Apply(t.Context(), tx, time.Now(), []*ingest.Piece{piece}))
			return store.ErrRefused
		}), store.ErrRefused)
		require.Equal(t, 1, b.take(t, "acme", body))
		kept, err := b.Erasures(t.Context(), "acme")
		require.NoError(t, err)
		require.Len(t, kept[0].Marks, 4, "the number, its last digits, the key and the name")
		requireGone(t, b.everything(t, "acme"), name, "learnt")
		b.requireRebuilt(t)
	})
}

// The order in which webhooks of a call come after an erasure, and whether they come in one transaction, changes nothing in
// what is stored of the call in the end.
func TestTheOrderOfWhatComesLateDoesNotMatter(t *testing.T) {
	t.Parallel()
	const number, name, another = "48501200101", "Jan Nowy", "Nowy, Jan"
	late := [][]byte{
		anonymous(theirLeg, name, `,"self_target":"`+number+`"`),
		update(theirLeg, "02", `,"self_name":"`+another+`"`),
		update(agentsLeg, "03", `,"dialog_type":"CONSULTANT","direction":"INBOUND","peer_name":"`+name+`",`+
			`"initial_application_info":{"data":{"caller_dialog_uuid":"`+theirLeg+`"}}`),
		update(theirLeg, "04", `,"dialog_type":"EXTERNAL","direction":"OUTBOUND","note":"`+another+`"`),
	}
	everystore.Each(t, nil, func(t *testing.T, database everystore.Database) {
		b := setup(t, database)
		want := ""
		for i, order := range permutations(len(late)) {
			account := fmt.Sprint("order", i)
			b.take(t, account, outside(theirLeg, number, "", ""))
			_, err := b.Erase(t.Context(), account, number, false)
			require.NoError(t, err)
			var pieces []*ingest.Piece
			for _, n := range order {
				webhook, err := dialog.Decode(late[n])
				require.NoError(t, err)
				pieces = append(pieces, ingest.NewPiece(account, time.Now().UTC().Truncate(time.Microsecond), &webhook, late[n]))
			}
			for size := 1 + i%len(late); len(pieces) > 0; pieces = pieces[min(size, len(pieces)):] {
				require.NoError(t, b.Write(t.Context(), func(tx store.Tx) error {
					return b.Engine.Apply(t.Context(), tx, time.Now(), pieces[:min(size, len(pieces))])
				}))
			}
			all := b.withoutHistory(t, account)
			for _, text := range []string{number, name, another} {
				requireGone(t, all, text, fmt.Sprint(order))
			}
			require.Zero(t, b.take(t, account, late...), "%v: sent again", order)
			var lines []string
			for line := range strings.Lines(all) {
				if strings.HasPrefix(line, "journal ") {
					lines = append(lines, pseudonyms.ReplaceAllString(line, "erased"))
				}
			}
			lines = append(lines, pseudonyms.ReplaceAllString(figures(t, b.calls(t, account)[0].Record), "erased"))
			slices.Sort(lines)
			got := strings.ReplaceAll(strings.Join(lines, "\n"), account, "an account")
			if want == "" {
				want = got
			}
			require.Equal(t, unstamped(want), unstamped(got), "%v", order)
		}
		b.requireRebuilt(t)
	})
}

var stamps = regexp.MustCompile(`"(updated_at":"[^"]*|seq":\d+|revision":\d+)"?`)

// unstamped leaves out what tells when, and how often, something was taken in.
func unstamped(text string) string { return stamps.ReplaceAllString(text, "") }

func permutations(n int) [][]int {
	if n == 0 {
		return [][]int{nil}
	}
	var all [][]int
	for _, shorter := range permutations(n - 1) {
		for at := range n {
			all = append(all, slices.Insert(slices.Clone(shorter), at, n-1))
		}
	}
	return all
}
