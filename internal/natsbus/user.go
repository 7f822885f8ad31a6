package natsbus

import (
	"crypto/rand"
	"strings"
	"time"

	"github.com/nats-io/nats-server/v2/server"

	"webhookd/internal/flow"
)

// User is somebody who may connect to the embedded server, to look and to ask.
type User struct {
	Name     string
	Account  string // whose data they see; "": every account's
	Password string // empty with Nkey
	Nkey     string // public key of an nkey user; empty with Password
}

// Users of the embedded server that are always there.
const (
	ownUser     = "webhookd" // this process
	programUser = "program"  // whoever connects over TCP, where there are no other users; nobody logs in as it
	pageUser    = "page"     // as programUser, over the WebSocket
)

// authTimeout is how long a client may take to say who it is. Machines that do many things at once are slow.
const authTimeout = 5 * time.Second

// admit says who may connect. password is that of this process.
func admit(options *server.Options, config Config, password string) {
	options.TLSConfig, options.TLS = config.TLS, config.TLS != nil
	options.TLSTimeout, options.AuthTimeout = authTimeout.Seconds(), authTimeout.Seconds()
	if len(config.Users) == 0 && config.WebSocketListen == "" {
		return // everybody, as whoever they say they are
	}
	options.Users = []*server.User{{Username: ownUser, Password: password}}
	if len(config.Users) == 0 {
		options.NoAuthUser = programUser
		options.Users = append(options.Users,
			&server.User{Username: programUser, Password: rand.Text()},
			&server.User{Username: pageUser, Password: rand.Text(), Permissions: everyReader().permissions()})
		return
	}
	for _, user := range config.Users {
		permissions := everyReader().permissions()
		if user.Account != "" {
			permissions = accountReader(user.Account).permissions()
		}
		if user.Nkey != "" {
			options.Nkeys = append(options.Nkeys, &server.NkeyUser{Nkey: user.Nkey, Permissions: permissions})
			continue
		}
		options.Users = append(options.Users, &server.User{Username: user.Name, Password: user.Password, Permissions: permissions})
	}
}

// reads are the subjects that somebody may publish to, and subscribe to.
type reads struct{ publish, subscribe []string }

func (r reads) permissions() *server.Permissions {
	return &server.Permissions{
		Publish:   &server.SubjectPermission{Allow: r.publish},
		Subscribe: &server.SubjectPermission{Allow: r.subscribe},
	}
}

// everyReader reads the events and the live calls in every way that clients have, and asks. It may use JetStream's API, and
// so has to be trusted: that API answers to whatever subject a request names, streams and the API itself included.
func everyReader() reads {
	publish := make([]string, 0, 32)
	publish = append(publish, "webhookd.calls.>", "$JS.API.INFO", "$JS.FC.>", "$JS.ACK.>")
	for _, stream := range []string{flow.StreamName, bucketStream} {
		for _, request := range []string{
			"STREAM.INFO.%", "CONSUMER.CREATE.%", "CONSUMER.CREATE.%.>", "CONSUMER.INFO.%.>", "CONSUMER.MSG.NEXT.%.>",
			"CONSUMER.DELETE.%.>", "DIRECT.GET.%", "DIRECT.GET.%.>", "STREAM.MSG.GET.%",
		} {
			publish = append(publish, "$JS.API."+strings.Replace(request, "%", stream, 1))
		}
	}
	return reads{publish, []string{"_INBOX.>", flow.StreamSubjects}}
}

// accountReader hears the events and the changes of live calls of one account as they come, and asks about its calls; it
// reaches nothing of another one, and can change nothing. It has no right to JetStream's API, for the reason above, and
// because a consumer is named there and not an account. docs/nats-events.md tells those to configure the same who run
// their own servers.
func accountReader(account string) reads {
	token := flow.Token(account)
	return reads{
		publish: []string{"webhookd.calls.*." + account},
		subscribe: []string{
			"_INBOX." + token + ".>", flow.AccountSubjects(account), "$KV." + flow.BucketName + "." + token + ".*",
		},
	}
}
