// Command webhookd takes a PBX's webhooks, works out the calls behind them and publishes every step on NATS. This
// package is the command line and nothing more: it reads the set-up, hands over to the packages that do the work, and
// turns what comes back into one clear line and an exit code.
package main

import (
	"context"
	"os"
	_ "time/tzdata" // handlers name time zones, also where the machine has no list of them
)

func main() {
	ctx, stop := onSignal(context.Background())
	code := run(ctx, os.Args[1:], process{
		in: os.Stdin, out: os.Stdout, err: os.Stderr, environ: os.Environ(), exit: os.Exit,
	})
	stop()
	os.Exit(code)
}
