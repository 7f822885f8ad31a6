package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"time"

	"github.com/spf13/cobra"

	"webhookd/internal/dialog"
)

// closeTimeout bounds the one request of the close command.
const closeTimeout = 30 * time.Second

// closeFlags are the flags of the close command.
type closeFlags struct{ url, account, header, secret string }

func newClose(proc process) *cobra.Command {
	var flags closeFlags
	command := &cobra.Command{
		Use:   "close CALL_UUID",
		Short: "Close a call that nobody will ever close",
		Long: "close asks a running webhookd to close every open leg of a call, at the time of the call's last webhook, and\n" +
			"prints the record. It is for calls whose end the PBX never told. A real close that arrives later wins.\n\n" +
			"Without --url it asks the service that this machine is set up for, with the first of its secrets.",
		Args: cobra.ExactArgs(1),
	}
	set := addConfigFlag(command, proc)
	command.Flags().StringVar(&flags.url, "url", "", "`URL` of the service (default: where it is set up to listen)")
	command.Flags().StringVar(&flags.account, "account", "", "the call's `account`")
	command.Flags().StringVar(&flags.header, "header", "", "`name` of the header for the secret (default: webhook_header)")
	command.Flags().StringVar(&flags.secret, "secret", "", "shared `secret` to send")
	command.RunE = func(command *cobra.Command, args []string) error {
		call, ok := dialog.ParseUUID(args[0])
		if !ok {
			return &usageError{fmt.Sprintf("%q is no UUID of a call", args[0])}
		}
		cfg, err := set.load()
		if err != nil {
			return err
		}
		if flags.header == "" {
			flags.header = cfg.WebhookHeader
		}
		if flags.url == "" {
			flags.url = localURL(cfg.Listen)
			if flags.secret == "" {
				flags.secret = firstSecret(cfg)
			}
		}
		return flags.close(command.Context(), proc, call)
	}
	return command
}

func (f closeFlags) close(ctx context.Context, proc process, call string) error {
	target, err := url.Parse(f.url)
	if err != nil || target.Host == "" {
		return &usageError{"--url: it is no URL"}
	}
	target = target.JoinPath("v1", "calls", call, "close")
	if f.account != "" {
		target.RawQuery = url.Values{"account": {f.account}}.Encode()
	}
	ctx, cancel := context.WithTimeout(ctx, closeTimeout)
	defer cancel()
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, target.String(), http.NoBody)
	if err != nil {
		return &usageError{"--url: it is no URL"}
	}
	if f.secret != "" {
		request.Header.Set(f.header, f.secret)
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return &beginError{fmt.Errorf("ask the service: %w", err)}
	}
	defer func() { _ = response.Body.Close() }()
	body, err := io.ReadAll(response.Body)
	if err != nil {
		return fmt.Errorf("read answer: %w", err)
	}
	if response.StatusCode != http.StatusOK {
		var problem struct {
			Detail string `json:"detail"`
		}
		_ = json.Unmarshal(body, &problem) // an answer of something else has no detail
		return fmt.Errorf("close call: the service answered %s: %s", response.Status, problem.Detail)
	}
	if _, err := fmt.Fprintf(proc.out, "%s\n", body); err != nil {
		return fmt.Errorf("print record: %w", err)
	}
	return nil
}
