package flow_test

import (
	"encoding/json"
	"os"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"webhookd/internal/correlate"
	"webhookd/internal/flow"
)

// BenchmarkMessages makes the two messages of a typical change of the documented call.
func BenchmarkMessages(b *testing.B) {
	data, err := os.ReadFile("../../fixtures/outbound_answered/call.json")
	require.NoError(b, err)
	var call correlate.Call
	require.NoError(b, json.Unmarshal(data, &call))
	change := flow.Change{
		Account: "default", CallUUID: callUUID, Record: flow.EncodeRecord(&call, 12, 0, time.Unix(1, 0)),
		Events: []flow.Event{
			{UUID: "a13f34b1-89f2-5645-9841-2acc60100943", Type: "dialog_talking", Seq: 11, DialogUUID: legUUID, CreatedOn: 1},
			{UUID: "a13f34b1-89f2-5645-9841-2acc60100944", Type: "call_talking", Seq: 12, CreatedOn: 1},
		},
	}
	b.ReportAllocs()
	for b.Loop() {
		if _, err := flow.Messages(change, flow.Options{}); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkLedger(b *testing.B) {
	steps := []correlate.Step{{Kind: correlate.DialogTalking, CallUUID: callUUID, DialogUUID: legUUID}, {Kind: correlate.CallTalking, CallUUID: callUUID}}
	b.ReportAllocs()
	for b.Loop() {
		ledger, err := flow.ParseLedger([]byte("9;-=5a0;bcfdaf62-87b7-4cd8-bd2e-b3d25a974b6d=107;c2b19c63-f17b-4726-b3a1-5b5046e887ef=1"))
		if err != nil {
			b.Fatal(err)
		}
		ledger.Enter("default", steps)
		ledger.Encode()
	}
}
