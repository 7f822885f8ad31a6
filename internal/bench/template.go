package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"regexp"
	"time"

	"webhookd/internal/replay/simulate"
)

// Templates are made-up calls in which what tells one call from another can be found again: every uuid ends with
// uuidMark, and every customer's number is 48, 50, numberMark and three digits. Replacing the marks by others of the
// same length gives another call.
const (
	uuidMark   = "feedfeedfeed"
	numberMark = "7777"

	templates     = 200 // calls
	openTemplates = 10  // of them that are left open
	templateMix   = "inbound=40,outbound=27,transfer=5,internal=3,bot=3,meeting=1"
)

var (
	// uuidText is a uuid of the generator; a campaign's calls, whose ids are made from other things, are left out.
	uuidText = regexp.MustCompile(`([0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-)[0-9a-f]{12}`)
	// mobile is a customer's number as the generator writes it; those of projects and consultants begin with 4822.
	mobile = regexp.MustCompile(`48[5-8]\d{8}`)
)

// template gives the webhooks of one template call. Those that stay open lack everything from the first close on.
func template(generator *simulate.Generator, number int, now time.Time) [][]byte {
	var call simulate.Call
	generator.Call(&call, number)
	call.Began = now.Add(-call.Duration()).UTC().Truncate(second)
	customer := fmt.Appendf(nil, "4850%s%03d", numberMark, number)
	bodies := make([][]byte, 0, call.Len())
	for i := range call.Len() {
		if number < openTemplates && call.Event(i) == "dialog_close" {
			break
		}
		body := uuidText.ReplaceAll(call.AppendBody(nil, i), []byte("${1}"+uuidMark))
		bodies = append(bodies, mobile.ReplaceAll(body, customer))
	}
	return bodies
}

// sendTemplates posts the templates to a service.
func sendTemplates(ctx context.Context, url string) error {
	kinds, err := simulate.ParseMix(templateMix)
	if err != nil {
		return fmt.Errorf("make templates: %w", err)
	}
	generator := simulate.NewGenerator(simulate.Plan{Seed: 1, Run: 1, Mix: kinds, Accounts: 1})
	client := &http.Client{Timeout: startPatience}
	defer client.CloseIdleConnections()
	now := time.Now()
	for number := range templates {
		for _, body := range template(generator, number, now) {
			if err := post(ctx, client, url+"/v1/webhooks", body); err != nil {
				return fmt.Errorf("send template: %w", err)
			}
		}
	}
	return nil
}

func post(ctx context.Context, client *http.Client, url string, body []byte) error {
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, url, bytes.NewReader(body))
	if err != nil {
		return fmt.Errorf("make request: %w", err)
	}
	response, err := client.Do(request)
	if err != nil {
		return fmt.Errorf("post: %w", err)
	}
	said, err := io.ReadAll(response.Body)
	err = errors.Join(err, response.Body.Close())
	if err == nil && response.StatusCode != http.StatusOK {
		err = fmt.Errorf("post: %s: %s", response.Status, said)
	}
	return err
}
