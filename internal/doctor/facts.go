package doctor

import "time"

// Facts are what was found out about one installation. What could not be found out is zero, and nothing is said of it.
type Facts struct {
	Now       time.Time // this machine's clock
	Setup     Setup
	Clocks    []Clock
	Disks     []Disk
	Database  Database
	NATS      NATS
	Ports     []Port
	OpenFiles uint64 // how many files this process may have open; 0: not known
	MostFiles uint64 // how many connections the service takes, each of which is a file
	Secrets   []SecretFile
}

// Setup is what there is to say of the configuration.
type Setup struct {
	Problem  string   // why serve would refuse it; nothing else is known then
	Warnings []string // what is allowed and not wise
	Address  string   // of the HTTP API
	Loopback bool     // only this machine reaches that address
	Guarded  bool     // webhooks must prove where they come from
}

// Clock is another clock, compared with this machine's.
type Clock struct {
	Whose string
	Ahead time.Duration // of this machine's clock; negative: behind it
	Blur  time.Duration // how far that may be wrong: the question's time on the way
}

// Disk is a directory that webhookd writes to.
type Disk struct {
	Name    string // the key: data_dir or spool_dir
	Path    string
	Missing bool   // it is not there; what follows is of the directory that it would be made in
	Problem string // why nothing can be written there; empty: it can
	Full    bool   // of Problem: there is no room
	Sync    time.Duration
	Free    uint64 // bytes that are free for this user; with Total 0 not known
	Total   uint64
	Kind    string // of the file system, as "nfs" or "tmpfs"; empty: not known
	Open    bool   // other users may enter or read it
	Owner   string // whose it is, where this is root and it is not root's
	// Holds is what the spool in it holds, and Limit what it may hold, in bytes; Damaged are the files set aside. Limit
	// is 0 where there is no spool.
	Holds, Limit int64
	Damaged      int
}

// Trouble is why a server could not be asked.
type Trouble string

// What keeps one from asking a server.
const (
	Fine        Trouble = ""
	Unreachable Trouble = "unreachable" // nothing answers there, or no longer
	Refused     Trouble = "refused"     // it does not let us in
	Absent      Trouble = "absent"      // there is no such database
	Crowded     Trouble = "crowded"     // it takes no further connections
	Broken      Trouble = "broken"      // anything else
)

// Database is what was found out about the database.
type Database struct {
	Where    string // without a password
	Embedded bool   // SQLite in the data directory
	Trouble  Trouble
	Problem  string // of Trouble, in the words of the server or the network
	New      bool   // there is nothing yet: no file, or no table

	Version  string // of the server or the library, for people
	Major    int    // of a server
	Schema   int64  // version of the schema that is there
	Known    int64  // version of the schema that this program knows
	Size     int64  // bytes
	Settings map[string]string
	Standby  bool // it can only be read
	NoCreate bool // we may not make tables there
	NoSchema bool // no schema of the search_path exists
	Remote   bool // it is on another machine
	Plain    bool // what crosses the network is not encrypted

	Connections int // that are open now, all users' together
	Places      int // for ordinary users: max_connections without the reserved ones
	Need        int // that one instance may take

	Unpublished int64         // outbox rows that wait
	Oldest      time.Duration // age of the oldest of them
	Held        int64         // outbox rows that were set aside
}

// NATS is what was found out about NATS.
type NATS struct {
	Where    string // without a password
	Embedded bool   // the server runs inside webhookd
	Stopped  bool   // of an embedded server: nothing runs there now
	Trouble  Trouble
	Problem  string // of Trouble

	Version    string
	Cluster    string // its name; empty: the server is alone
	Servers    int    // of the cluster that are known; where some did not say who they are, as many as there may be
	MaxPayload int64  // bytes
	JetStream  Trouble
	JSProblem  string // of JetStream
	Storage    int64  // bytes of file storage that the account uses
	MaxStorage int64  // bytes that it may use; negative: no limit
	Replicas   int    // that are configured
	Subjects   string // that the stream has to take

	Stream, Bucket Stream
}

// Stream is a JetStream stream, or the one below a bucket.
type Stream struct {
	Name     string
	Missing  bool
	Problem  string // why it could not be asked; empty: it could
	Covers   bool   // it takes all subjects that it has to
	Subjects []string
	Memory   bool // it is kept in memory
	Limits   bool // it keeps messages until a limit, whoever has read them
	Discard  bool // when full it refuses what is new
	NoAck    bool // it does not answer publishers
	Sealed   bool
	Replicas int
	Behind   []string // replicas that are away or not up to date
	Leader   bool     // it has one, or needs none
	MaxAge   time.Duration
	Window   time.Duration // in which a message is known by its id
	Bytes    uint64
	MaxBytes int64 // negative or 0: no limit
	Messages uint64
	MaxMsgs  int64 // negative or 0: no limit
	MaxSize  int32 // of one message; negative or 0: no limit
}

// Port is an address that webhookd listens on.
type Port struct {
	Name    string // the key: listen, nats_listen and so on
	Address string
	Taken   bool   // somebody listens there
	By      string // who, where that could be found out; empty: somebody else
	Ours    bool   // it is a webhookd, of this set-up as far as can be seen
	Problem string // why nobody could listen there; empty with Taken
}

// SecretFile is a file that holds secrets.
type SecretFile struct {
	Path string
	Open bool // other users may read it
}
