package main

import (
	"bufio"
	"crypto/rand"
	"crypto/sha256"
	"fmt"
	"io"

	"github.com/spf13/cobra"

	"webhookd/internal/replay/scrub"
)

func newScrub(proc process) *cobra.Command {
	var key, region string
	command := &cobra.Command{
		Use:   "scrub [FILE]",
		Short: "Take the persons out of recorded webhooks",
		Long: "scrub reads what record wrote (or any NDJSON of webhooks), from a file or standard input, and writes it with\n" +
			"pseudonyms: UUIDs, numbers, names, user names, projects and ids, the same for the same everywhere. Numbers keep\n" +
			"their country, kind and length. The PBX's own words and all times stay; headers, URLs, unknown members and\n" +
			"whatever is no webhook go. Replayed, it gives the same calls up to the pseudonyms.\n\n" +
			"The pseudonyms come from a random key, which nobody keeps. --key gives the same ones for the same input again;\n" +
			"whoever has that key can find the numbers by trying, so keep it like them. Look at what comes out before you\n" +
			"give it away: times alone can tell somebody who knows of a call which one it was.",
		Args: cobra.MaximumNArgs(1),
	}
	command.Flags().StringVar(&key, "key", "", "a `text` that decides the pseudonyms (default: a random one)")
	command.Flags().StringVar(&region, "default-region", "PL", "`region` of numbers without a country code")
	command.RunE = func(_ *cobra.Command, args []string) error {
		options := scrub.Options{Key: make([]byte, sha256.Size), Region: region}
		if key != "" {
			hash := sha256.Sum256([]byte(key))
			options.Key = hash[:]
		} else if _, err := rand.Read(options.Key); err != nil {
			return fmt.Errorf("draw a key: %w", err)
		}
		in, name := proc.in, "standard input"
		if len(args) == 1 && args[0] != "-" {
			file, err := openFile(args[0])
			if err != nil {
				return err
			}
			defer func() { _ = file.Close() }()
			in, name = io.Reader(file), args[0]
		}
		out := bufio.NewWriter(proc.out)
		result, err := scrub.Run(in, name, out, options)
		if err != nil {
			return fmt.Errorf("scrub: %w", err)
		}
		if err := out.Flush(); err != nil {
			return fmt.Errorf("write scrubbed webhooks: %w", err)
		}
		_, _ = fmt.Fprintf(proc.err, "%d webhooks: pseudonyms for %d UUIDs, %d numbers, %d names\n",
			result.Webhooks, result.UUIDs, result.Numbers, result.Names)
		return nil
	}
	return command
}
