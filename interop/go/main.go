// The public client github.com/novuhq/go-novu against webhookd. It ends with 1 at the first answer that is not as it
// should be.
package main

import (
	"context"
	"fmt"
	"os"
	"reflect"
	"strings"
	"time"

	novu "github.com/novuhq/go-novu/lib"
)

func main() {
	address, key := os.Getenv("WEBHOOKD_URL"), os.Getenv("WEBHOOKD_API_KEY")
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	for _, step := range []struct {
		what string
		do   func(context.Context, *novu.APIClient) error
	}{
		{"subscribers are kept, read and removed", subscribers},
		{"topics are made, filled and read", topics},
		{"trigger goes to every form of \"to\"", trigger},
		{"trigger says what cannot be done", refusals},
		{"broadcast goes to everybody", broadcast},
	} {
		if err := step.do(ctx, client(address, key)); err != nil {
			fmt.Fprintf(os.Stderr, "go: %s: %v\n", step.what, err)
			os.Exit(1)
		}
		fmt.Println("go: " + step.what)
	}
	wrong := client(address, "a-wrong-key")
	if _, err := wrong.EventApi.Trigger(ctx, "interop-now", novu.ITriggerPayloadOptions{To: "anna"}); !refused(err, 401) {
		fmt.Fprintln(os.Stderr, "go: a wrong key is not refused:", err)
		os.Exit(1)
	}
}

func client(address, key string) *novu.APIClient {
	return novu.NewAPIClient(key, &novu.Config{BackendURL: novu.MustParseURL(address)})
}

// run is part of the ids of this run.
var run = fmt.Sprintf("%x", time.Now().UnixNano())

func subscribers(ctx context.Context, c *novu.APIClient) error {
	for _, id := range []string{"dora-" + run, "emil-" + run} {
		answer, err := c.SubscriberApi.Identify(ctx, id, novu.SubscriberPayload{FirstName: "Dora", Email: "dora@example.com"})
		if err != nil {
			return err
		}
		if err := has(answer.Data, map[string]any{"subscriberId": id, "firstName": "Dora", "email": "dora@example.com"}); err != nil {
			return err
		}
	}
	answer, err := c.SubscriberApi.Update(ctx, "dora-"+run, novu.SubscriberPayload{LastName: "Nowak"})
	if err != nil {
		return err
	}
	if err := has(answer.Data, map[string]any{"firstName": "Dora", "lastName": "Nowak"}); err != nil {
		return err
	}
	if _, err := c.SubscriberApi.Delete(ctx, "emil-"+run); err != nil {
		return err
	}
	if _, err := c.SubscriberApi.Get(ctx, "emil-"+run); !refused(err, 404) {
		return fmt.Errorf("a subscriber that was removed: %w", err)
	}
	return nil
}

func topics(ctx context.Context, c *novu.APIClient) error {
	key := "go-" + run
	if err := c.TopicsApi.Create(ctx, key, "Made in Go"); err != nil {
		return err
	}
	if err := c.TopicsApi.AddSubscribers(ctx, key, []string{"dora-" + run}); err != nil {
		return err
	}
	page, err := c.TopicsApi.List(ctx, nil)
	if err != nil {
		return err
	}
	if len(page.Data) == 0 || page.PageSize == 0 {
		return fmt.Errorf("an empty page of topics: %+v", page)
	}
	if err := c.TopicsApi.RemoveSubscribers(ctx, key, []string{"dora-" + run}); err != nil {
		return err
	}
	return c.TopicsApi.AddSubscribers(ctx, key, []string{"dora-" + run})
}

func trigger(ctx context.Context, c *novu.APIClient) error {
	for _, to := range []any{
		"dora-" + run,
		map[string]any{"subscriberId": "dora-" + run, "firstName": "Dora"},
		novu.TriggerTopicRecipientsTypeSingle{Type: "Topic", TopicKey: "go-" + run},
		novu.TriggerTopicRecipientsTypeSingle{TopicKey: "go-" + run},
		[]string{"dora-" + run, "new-" + run},
		[]any{map[string]any{"subscriberId": "dora-" + run}, novu.TriggerTopicRecipientsTypeSingle{TopicKey: "go-" + run}},
	} {
		for _, payload := range []any{map[string]any{"order": 4711}, nil} {
			answer, err := c.EventApi.Trigger(ctx, "interop-now", novu.ITriggerPayloadOptions{To: to, Payload: payload})
			if err != nil {
				return fmt.Errorf("to %v: %w", to, err)
			}
			if err := has(answer.Data, map[string]any{"acknowledged": true, "status": "processed"}); err != nil {
				return fmt.Errorf("to %v: %w", to, err)
			}
		}
	}
	id := "order 7/" + run
	for range 2 { // the second one is the first one again
		answer, err := c.EventApi.Trigger(ctx, "interop-flow", novu.ITriggerPayloadOptions{To: "dora-" + run, TransactionId: id})
		if err != nil {
			return err
		}
		if err := has(answer.Data, map[string]any{"acknowledged": true, "status": "processed", "transactionId": id}); err != nil {
			return err
		}
	}
	return nil
}

func refusals(ctx context.Context, c *novu.APIClient) error {
	options := novu.ITriggerPayloadOptions{To: "dora-" + run}
	if _, err := c.EventApi.Trigger(ctx, "no-such-handler", options); !refused(err, 422) {
		return fmt.Errorf("an unknown name: %w", err)
	}
	if _, err := c.EventApi.Trigger(ctx, "interop-now", novu.ITriggerPayloadOptions{To: 7}); !refused(err, 422) {
		return fmt.Errorf("to a number: %w", err)
	}
	answer, err := c.EventApi.Trigger(ctx, "interop-off", options)
	if err != nil {
		return err
	}
	return has(answer.Data, map[string]any{"acknowledged": true, "status": "trigger_not_active"})
}

func broadcast(ctx context.Context, c *novu.APIClient) error {
	answer, err := c.EventApi.BroadcastToAll(ctx, novu.BroadcastEventToAll{
		Name: "interop-now", Payload: map[string]any{"order": 1}, TransactionId: "go-all-" + run,
	})
	if err != nil {
		return err
	}
	return has(answer.Data, map[string]any{"acknowledged": true, "status": "processed", "transactionId": "go-all-" + run})
}

// has says whether an answer's data has these fields.
func has(data any, want map[string]any) error {
	fields, ok := data.(map[string]any)
	if !ok {
		return fmt.Errorf("no object in the envelope: %v", data)
	}
	for name, value := range want {
		if !reflect.DeepEqual(fields[name], value) {
			return fmt.Errorf("%s is %v where %v was due: %v", name, fields[name], value, data)
		}
	}
	return nil
}

// refused says whether an error of the client stands for an answer with this status in Novu's form.
func refused(err error, status int) bool {
	return err != nil && strings.Contains(err.Error(), fmt.Sprintf("status code %d, ", status)) &&
		strings.Contains(err.Error(), fmt.Sprintf(`"statusCode":%d`, status))
}
