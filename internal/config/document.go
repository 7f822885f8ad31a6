package config

import (
	"fmt"
	"strings"
)

// Document gives docs/configuration.md, which is made from the same table that the program reads its set-up with. A
// test compares the two; `make docs` writes the file.
func Document() string {
	var text strings.Builder
	text.WriteString(documentHead)
	text.WriteString("| key | variable | flag | value | default |\n| --- | --- | --- | --- | --- |\n")
	for _, opt := range table {
		variable, flag := "`"+opt.env()+"`", "`--"+opt.flag()+"`"
		if opt.fileOnly {
			variable, flag = "–", "–"
		}
		fallback := "empty"
		if opt.fallback != "" {
			fallback = "`" + opt.fallback + "`"
		}
		fmt.Fprintf(&text, "| [`%s`](#%s) | %s | %s | %s | %s |\n",
			opt.key, opt.key, variable, flag, strings.ReplaceAll(opt.value, "|", `\|`), fallback)
	}
	for _, opt := range table {
		fmt.Fprintf(&text, "\n### %s\n\n%s.\n", opt.key, strings.ToUpper(opt.help[:1])+opt.help[1:])
		if opt.more != "" {
			text.WriteString("\n" + opt.more + "\n")
		}
	}
	text.WriteString(documentTail)
	return text.String()
}

const documentHead = `<!-- Written by "make docs" from internal/config. Do not edit: change the table there. -->

# Configuration

webhookd runs without any configuration: on the loopback interface, with an embedded database and an embedded NATS
server, everything under ` + "`./data`" + `. Each key below can be set in a YAML file, in the environment and by a flag.
Flags go over the environment, the environment over the file, the file over the defaults; a list is replaced as a whole.

- The file is named by ` + "`--config FILE`" + `, or by the variable ` + "`WEBHOOKD_CONFIG`" + `. There is none by default.
- An unknown key, an unknown variable that begins with ` + "`WEBHOOKD_`" + `, or a value that cannot be meant, is one line
  on standard error and exit code 2. (Left alone are variables that begin with ` + "`WEBHOOKD_TEST_`" + `, and those that
  Kubernetes sets for a service called webhookd.)
- A variable that is set and empty counts as an empty value.
- Durations are numbers with a unit: ` + "`500ms`, `10s`, `5m`, `4h`" + `.
- ` + "`webhookd check-config`" + ` prints what is in force, where each value comes from, and no secret.

## Keys

`

const documentTail = `
## Example

` + "```yaml" + `
listen: 0.0.0.0:8080
data_dir: /var/lib/webhookd
database_url: postgres://webhookd:p%40ssword@db.example.com:5432/webhookd?sslmode=verify-full
nats_url: nats://nats-1.example.com:4222,nats://nats-2.example.com:4222
nats_replicas: 3
webhook_secret:
  - the-new-secret-of-this-year
  - the-old-one-until-the-PBX-knows
log_format: json
close_causes:
  LINE_BUSY: {class: busy}
  OPERATOR_HANGUP: {vote: self}
handlers_file: /etc/webhookd/handlers.yaml
api_keys:
  - crm:the-key-of-the-account-crm
  - the-key-of-the-account-default
flows:
  missed-call: 7d5a7fd4-7b21-4b44-ac45-d4a4a0f4bd0f
resthooks:
  missed-call: [https://crm.example.com/hooks/missed-call]
callout_allow_private: [10.20.0.0/16]
` + "```" + `
`
