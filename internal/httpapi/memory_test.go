package httpapi_test

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"webhookd/internal/httpapi"
	"webhookd/internal/store"
	"webhookd/internal/trigger"
	"webhookd/internal/triggerapi"
)

// memory is a service that keeps everything in memory and does what httpapi.Triggers, Directory, Handlers
// and TriggerReader promise. Its handlers are "now" and "off" (switched off), "later", which waits, "acme-only" of the account acme, and
// "filed" from the file; "callback" is a flow.
type memory struct {
	err error // what every method returns instead, if not nil

	mu          sync.Mutex
	handlers    map[string]store.Handler
	asked       []asked
	outcomes    map[[2]string]triggerapi.Outcome // by account and transaction
	pending     map[[2]string]bool
	broadcasts  map[[2]string]store.Broadcast
	kept        map[string]triggerapi.Answer
	subscribers map[[2]string]store.Subscriber
	topics      map[[2]string]store.Topic
	members     map[[2]string][]string
	triggers    []store.Trigger
	trials      []triggerapi.Trial
}

// asked is one request that reached the service.
type asked struct {
	account string
	triggerapi.Request
}

var memoryTime = time.Date(2026, 1, 2, 3, 4, 5, 678901000, time.UTC)

func newMemory() *memory {
	m := &memory{
		handlers:    map[string]store.Handler{},
		outcomes:    map[[2]string]triggerapi.Outcome{},
		pending:     map[[2]string]bool{},
		broadcasts:  map[[2]string]store.Broadcast{},
		kept:        map[string]triggerapi.Answer{},
		subscribers: map[[2]string]store.Subscriber{},
		topics:      map[[2]string]store.Topic{},
		members:     map[[2]string][]string{},
	}
	for _, handler := range []store.Handler{
		{Name: "acme-only", Account: "acme", Source: store.HandlerFromAPI, Enabled: true},
		{Name: "filed", Source: store.HandlerFromFile, Enabled: true},
		{Name: "later", Source: store.HandlerFromAPI, Enabled: true},
		{Name: "now", Source: store.HandlerFromAPI, Enabled: true},
		{Name: "off", Source: store.HandlerFromAPI},
	} {
		handler.Definition = []byte(`{"name":"` + handler.Name + `","on":["call_missed"],"do":[]}`)
		handler.UpdatedAt = memoryTime
		m.handlers[handler.Name] = handler
	}
	return m
}

// setupTriggers starts a server over a memory.
func setupTriggers(t *testing.T, change func(*httpapi.Config)) (*bundle, *memory) {
	t.Helper()
	m := newMemory()
	return setup(t, func(cfg *httpapi.Config) {
		cfg.Triggers, cfg.Directory, cfg.Handlers, cfg.TriggerReader = m, m, m, m
		cfg.Now = func() time.Time { return memoryTime }
		if change != nil {
			change(cfg)
		}
	}), m
}

// put adds handlers as they are.
func (m *memory) put(handlers ...store.Handler) {
	m.mu.Lock()
	defer m.mu.Unlock()
	for i := range handlers {
		m.handlers[handlers[i].Name] = handlers[i]
	}
}

func (m *memory) requests() []asked {
	m.mu.Lock()
	defer m.mu.Unlock()
	return slices.Clone(m.asked)
}

func (m *memory) one(account string, request triggerapi.Request) triggerapi.Outcome {
	m.asked = append(m.asked, asked{account, request})
	key := [2]string{account, request.TransactionID}
	if outcome, ok := m.outcomes[key]; ok {
		return outcome
	}
	handler, ok := m.handlers[request.Name]
	outcome := triggerapi.Outcome{Status: triggerapi.StatusProcessed, TransactionID: request.TransactionID}
	switch {
	case !ok && request.Name != "callback", ok && handler.Account != "" && handler.Account != account:
		return triggerapi.Outcome{Err: triggerapi.ErrUnknownName}
	case ok && !handler.Enabled:
		outcome.Status = triggerapi.StatusNotActive
	case request.Name == "later":
		m.pending[key] = true
	}
	m.outcomes[key] = outcome
	return outcome
}

func (m *memory) once(account string, once *triggerapi.Once, do func() []triggerapi.Outcome) ([]triggerapi.Outcome, *triggerapi.Answer) {
	if once == nil {
		return do(), nil
	}
	key := account + string(once.Key[:])
	if kept, ok := m.kept[key]; ok {
		return nil, &kept
	}
	outcomes := do()
	if answer := once.Answer(outcomes); answer.Status < 300 {
		m.kept[key] = answer
	}
	return outcomes, nil
}

func (m *memory) Trigger(_ context.Context, account string, requests []triggerapi.Request, once *triggerapi.Once) ([]triggerapi.Outcome, *triggerapi.Answer, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.err != nil {
		return nil, nil, m.err
	}
	outcomes, kept := m.once(account, once, func() []triggerapi.Outcome {
		var outcomes []triggerapi.Outcome
		for _, request := range requests {
			outcome := m.one(account, request)
			if len(request.To) == 0 && outcome.Err == nil {
				outcome.Status = triggerapi.StatusInvalidRecipients
			}
			outcomes = append(outcomes, outcome)
		}
		return outcomes
	})
	return outcomes, kept, nil
}

func (m *memory) Broadcast(_ context.Context, account string, request triggerapi.Request, once *triggerapi.Once) (triggerapi.Outcome, *triggerapi.Answer, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.err != nil {
		return triggerapi.Outcome{}, nil, m.err
	}
	outcomes, kept := m.once(account, once, func() []triggerapi.Outcome {
		outcome := m.one(account, request)
		if outcome.Err == nil {
			key := [2]string{account, request.TransactionID}
			m.pending[key] = true
			m.broadcasts[key] = store.Broadcast{
				Account: account, Name: request.Name, TransactionID: request.TransactionID, Sent: 200, Total: 450,
				State: store.BroadcastRunning, CreatedAt: memoryTime, UpdatedAt: memoryTime.Add(time.Second),
			}
		}
		return []triggerapi.Outcome{outcome}
	})
	if kept != nil {
		return triggerapi.Outcome{}, kept, nil
	}
	return outcomes[0], nil, nil
}

func (m *memory) Cancel(_ context.Context, account, transactionID string) (bool, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	key := [2]string{account, transactionID}
	was := m.pending[key]
	delete(m.pending, key)
	return was, m.err
}

func (m *memory) BroadcastProgress(_ context.Context, account, transactionID string) (triggerapi.Progress, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	return found(m.broadcasts, [2]string{account, transactionID}, m.err)
}

func found[K comparable, V any](in map[K]V, key K, err error) (V, error) {
	value, ok := in[key]
	if err == nil && !ok {
		err = store.ErrNotFound
	}
	return value, err
}

func (m *memory) PutSubscriber(_ context.Context, account string, subscriber store.Subscriber) (store.Subscriber, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.err != nil {
		return subscriber, m.err
	}
	key := [2]string{account, subscriber.ID}
	kept, ok := m.subscribers[key]
	if !ok {
		kept = store.Subscriber{Account: account, ID: subscriber.ID, CreatedAt: memoryTime}
	}
	kept.Email = cmp.Or(subscriber.Email, kept.Email)
	kept.Phone = cmp.Or(subscriber.Phone, kept.Phone)
	kept.FirstName = cmp.Or(subscriber.FirstName, kept.FirstName)
	kept.LastName = cmp.Or(subscriber.LastName, kept.LastName)
	kept.Locale = cmp.Or(subscriber.Locale, kept.Locale)
	kept.Avatar = cmp.Or(subscriber.Avatar, kept.Avatar)
	if len(subscriber.Data) > 0 {
		kept.Data = subscriber.Data
	}
	kept.UpdatedAt = memoryTime
	m.subscribers[key] = kept
	return kept, nil
}

func (m *memory) DropSubscriber(_ context.Context, account, id string) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	_, err := found(m.subscribers, [2]string{account, id}, m.err)
	delete(m.subscribers, [2]string{account, id})
	return err
}

func (m *memory) PutTopic(_ context.Context, account string, topic triggerapi.Topic) (store.Topic, bool, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	key := [2]string{account, topic.Key}
	kept, ok := m.topics[key]
	if !ok {
		kept = store.Topic{Account: account, Key: topic.Key, CreatedAt: memoryTime}
	}
	kept.Name = cmp.Or(topic.Name, kept.Name)
	m.topics[key] = kept
	return kept, !ok, m.err
}

func (m *memory) RenameTopic(_ context.Context, account string, topic triggerapi.Topic) (store.Topic, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	kept, err := found(m.topics, [2]string{account, topic.Key}, m.err)
	if err == nil {
		kept.Name = topic.Name
		m.topics[[2]string{account, topic.Key}] = kept
	}
	return kept, err
}

func (m *memory) DropTopic(_ context.Context, account, key string) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	_, err := found(m.topics, [2]string{account, key}, m.err)
	delete(m.topics, [2]string{account, key})
	return err
}

func (m *memory) JoinTopic(_ context.Context, account, key string, ids []string) (triggerapi.Joined, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	var joined triggerapi.Joined
	if m.err != nil {
		return joined, m.err
	}
	place := [2]string{account, key}
	topic, ok := m.topics[place]
	if !ok {
		topic = store.Topic{Account: account, Key: key, CreatedAt: memoryTime}
	}
	for _, id := range ids {
		if _, ok := m.subscribers[[2]string{account, id}]; !ok {
			joined.NotFound = append(joined.NotFound, id)
			continue
		}
		joined.Succeeded = append(joined.Succeeded, id)
		if !slices.Contains(m.members[place], id) {
			m.members[place] = append(m.members[place], id)
		}
	}
	slices.Sort(m.members[place])
	topic.Subscribers = len(m.members[place])
	m.topics[place] = topic
	return joined, nil
}

func (m *memory) LeaveTopic(_ context.Context, account, key string, ids []string) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	place := [2]string{account, key}
	topic, err := found(m.topics, place, m.err)
	if err != nil {
		return err
	}
	m.members[place] = slices.DeleteFunc(m.members[place], func(id string) bool { return slices.Contains(ids, id) })
	topic.Subscribers = len(m.members[place])
	m.topics[place] = topic
	return nil
}

// define reads a definition as the service would: here only name, account and on are looked at.
func (m *memory) define(scope string, definition []byte) (store.Handler, error) {
	var read struct {
		Name    string   `json:"name"`
		Account string   `json:"account"`
		On      []string `json:"on"`
	}
	if err := json.Unmarshal(definition, &read); err != nil {
		return store.Handler{}, err
	}
	if len(read.On) == 0 {
		return store.Handler{}, errors.Join(errors.New("compile"), &trigger.DefinitionError{Problems: []trigger.Problem{
			{Line: 1, Field: "on", Message: "it is missing"}, {Line: 3, Field: "do[0].text", Message: "it is no template"},
		}})
	}
	if scope != "" && read.Account != "" && read.Account != scope {
		return store.Handler{}, triggerapi.ErrForeign
	}
	return store.Handler{
		Name: read.Name, Account: cmp.Or(read.Account, scope), Source: store.HandlerFromAPI, Definition: definition,
		Enabled: true, UpdatedAt: memoryTime,
	}, nil
}

func (m *memory) CreateHandler(_ context.Context, scope string, definition []byte) (store.Handler, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	handler, err := m.define(scope, definition)
	if err := cmp.Or(m.err, err); err != nil {
		return handler, err
	}
	if _, ok := m.handlers[handler.Name]; ok {
		return handler, triggerapi.ErrExists
	}
	m.handlers[handler.Name] = handler
	return handler, nil
}

func (m *memory) ReplaceHandler(_ context.Context, scope, name string, definition []byte) (store.Handler, bool, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	handler, err := m.define(scope, definition)
	if err := cmp.Or(m.err, err); err != nil {
		return handler, false, err
	}
	was, ok := m.handlers[name]
	switch {
	case ok && scope != "" && was.Account != scope:
		return handler, false, triggerapi.ErrExists
	case ok && was.Source == store.HandlerFromFile:
		return handler, false, triggerapi.ErrOfFile
	}
	m.handlers[name] = handler
	return handler, !ok, nil
}

// owned gives a handler that may be changed.
func (m *memory) owned(scope, name string) (store.Handler, error) {
	handler, err := found(m.handlers, name, m.err)
	switch {
	case err != nil:
		return handler, err
	case scope != "" && handler.Account != scope:
		return handler, store.ErrNotFound
	case handler.Source == store.HandlerFromFile:
		return handler, triggerapi.ErrOfFile
	}
	return handler, nil
}

func (m *memory) SwitchHandler(_ context.Context, scope, name string, enabled bool) (store.Handler, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	handler, err := m.owned(scope, name)
	if errors.Is(err, triggerapi.ErrOfFile) {
		err = nil
	}
	if err == nil {
		handler.Enabled = enabled
		m.handlers[name] = handler
	}
	return handler, err
}

func (m *memory) DropHandler(_ context.Context, scope, name string) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	_, err := m.owned(scope, name)
	if err == nil {
		delete(m.handlers, name)
	}
	return err
}

func (m *memory) TryHandler(_ context.Context, _, name string, trial triggerapi.Trial) (triggerapi.Tried, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.trials = append(m.trials, trial)
	switch {
	case m.err != nil:
		return triggerapi.Tried{}, m.err
	case string(trial.Event) == `{}`:
		return triggerapi.Tried{}, &triggerapi.InvalidError{Faults: []triggerapi.Fault{{Field: "event.type", Message: "It is missing."}}}
	case trial.EventType == "call_started":
		return triggerapi.Tried{Reason: "it is not for call_started"}, nil
	}
	return triggerapi.Tried{
		Matches: true, FireAt: memoryTime,
		Events:   []json.RawMessage{json.RawMessage(`{"type":"msg_created","from":"` + name + `"}`)},
		Requests: []json.RawMessage{json.RawMessage(`{"method":"POST"}`)},
	}, nil
}

func (m *memory) AllHandlers(context.Context) ([]store.Handler, int64, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	var all []store.Handler
	for _, handler := range m.handlers {
		all = append(all, handler)
	}
	slices.SortFunc(all, func(a, b store.Handler) int { return cmp.Compare(a.Name, b.Name) })
	return all, 1, m.err
}

func (m *memory) Handler(_ context.Context, name string) (store.Handler, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	return found(m.handlers, name, m.err)
}

func (m *memory) TriggersOfCall(_ context.Context, call store.Key) ([]store.Trigger, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	return slices.DeleteFunc(slices.Clone(m.triggers), func(one store.Trigger) bool {
		return one.Account != call.Account || one.CallUUID != call.UUID
	}), m.err
}

func (m *memory) TriggersOfHandler(_ context.Context, name string, limit int) ([]store.Trigger, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	own := slices.DeleteFunc(slices.Clone(m.triggers), func(one store.Trigger) bool { return one.Handler != name })
	return own[:min(limit, len(own))], m.err
}

// rowsAfter gives up to limit of the rows of an account with an id above after.
func rowsAfter[V any](rows map[[2]string]V, account, after string, limit int) []V {
	var ids []string
	for key := range rows {
		if key[0] == account && key[1] > after {
			ids = append(ids, key[1])
		}
	}
	slices.Sort(ids)
	var some []V
	for _, id := range ids[:min(limit, len(ids))] {
		some = append(some, rows[[2]string{account, id}])
	}
	return some
}

func (m *memory) Subscribers(_ context.Context, account, after string, limit int) ([]store.Subscriber, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	return rowsAfter(m.subscribers, account, after, limit), m.err
}

func (m *memory) Subscriber(_ context.Context, account, id string) (store.Subscriber, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	return found(m.subscribers, [2]string{account, id}, m.err)
}

func (m *memory) Topics(_ context.Context, account, after string, limit int) ([]store.Topic, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	return rowsAfter(m.topics, account, after, limit), m.err
}

func (m *memory) Topic(_ context.Context, account, key string) (store.Topic, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	return found(m.topics, [2]string{account, key}, m.err)
}

func (m *memory) TopicMembers(_ context.Context, account, key, after string, limit int) ([]store.Subscriber, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	var members []store.Subscriber
	for _, id := range m.members[[2]string{account, key}] {
		if id > after && len(members) < limit {
			members = append(members, m.subscribers[[2]string{account, id}])
		}
	}
	return members, m.err
}

// novuError is an error as Novu's clients see it.
type novuError struct {
	StatusCode int             `json:"statusCode"`
	Timestamp  string          `json:"timestamp"`
	Path       string          `json:"path"`
	Message    string          `json:"message"`
	ErrorID    string          `json:"errorId"`
	Type       string          `json:"type"`
	Errors     json.RawMessage `json:"errors"`
}

// requireNovuError requires that an answer is a whole error in Novu's form.
func requireNovuError(t *testing.T, a answer, status int, path string) novuError {
	t.Helper()
	require.Equal(t, status, a.status, "%s", a.body)
	require.Equal(t, "application/json", a.header.Get("Content-Type"))
	var e novuError
	require.NoError(t, json.Unmarshal(a.body, &e), "%s", a.body)
	require.Equal(t, status, e.StatusCode)
	require.Equal(t, path, e.Path)
	require.NotEmpty(t, e.Message)
	_, err := time.Parse(time.RFC3339, e.Timestamp)
	require.NoError(t, err)
	var list []triggerapi.Fault
	var fields map[string]struct {
		Messages []string `json:"messages"`
	}
	switch status {
	case 400:
		require.Equal(t, "PAYLOAD_VALIDATION_ERROR", e.Type)
		require.NoError(t, json.Unmarshal(e.Errors, &list))
		require.NotEmpty(t, list)
	case 422:
		require.NoError(t, json.Unmarshal(e.Errors, &fields))
		require.NotEmpty(t, fields)
		for _, field := range fields {
			require.NotEmpty(t, field.Messages)
		}
	default:
		require.Empty(t, e.Errors)
	}
	return e
}
