package main

import (
	"bytes"
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/cloudevents/sdk-go/v2/binding"
	"github.com/cloudevents/sdk-go/v2/binding/spec"
	cloudevent "github.com/cloudevents/sdk-go/v2/event"
	"github.com/nats-io/nats.go"
	"github.com/stretchr/testify/require"
)

// natsBinding reads a message of NATS for the SDK, as the NATS protocol binding for CloudEvents has it in binary mode:
// attributes are headers that begin with ce-, but for the content type, and the body is the data.
type natsBinding struct {
	header nats.Header
	body   []byte
}

var ceSpecs = spec.WithPrefix("ce-")

func (m natsBinding) version() spec.Version {
	return ceSpecs.Version(m.header.Get(ceSpecs.PrefixedSpecVersionName()))
}

func (m natsBinding) ReadEncoding() binding.Encoding {
	if m.version() == nil {
		return binding.EncodingUnknown
	}
	return binding.EncodingBinary
}

func (natsBinding) ReadStructured(context.Context, binding.StructuredWriter) error {
	return binding.ErrNotStructured
}

func (m natsBinding) ReadBinary(_ context.Context, to binding.BinaryWriter) error {
	version := m.version()
	var wrong []error
	for name := range m.header {
		value := m.header.Get(name)
		switch attribute := version.Attribute(name); {
		case name == "content-type":
			wrong = append(wrong, to.SetAttribute(version.AttributeFromKind(spec.DataContentType), value))
		case attribute != nil:
			wrong = append(wrong, to.SetAttribute(attribute, value))
		case strings.HasPrefix(name, "ce-"):
			wrong = append(wrong, to.SetExtension(strings.TrimPrefix(name, "ce-"), value))
		}
	}
	return errors.Join(append(wrong, to.SetData(bytes.NewReader(m.body)))...)
}

func (m natsBinding) GetAttribute(kind spec.Kind) (spec.Attribute, any) {
	attribute := m.version().AttributeFromKind(kind)
	return attribute, m.header.Get(attribute.PrefixedName())
}

func (m natsBinding) GetExtension(name string) any { return m.header.Get("ce-" + name) }

func (natsBinding) Finish(error) error { return nil }

// Events of calls and of handlers are CloudEvents to the SDK.
func TestTheCloudEventsSDKReadsTheEvents(t *testing.T) {
	t.Parallel()
	s := handled(t, shortened(t, read(t, "../"+missedCallFile), "5m", "1s"))
	postScenario(t, s, "inbound_abandoned_while_ringing")
	all := streamed(t, s, "the session and the settled call", func(seen []message) bool {
		return count(seen, "session_triggered") == 1 && count(seen, "call_settled") == 1
	})
	require.Len(t, actions(all), 2)
	for i := range all {
		m := &all[i]
		read, err := binding.ToEvent(t.Context(), natsBinding{m.header, m.body})
		require.NoError(t, err)
		require.NoError(t, read.Validate())
		require.Equal(t, cloudevent.CloudEventsVersionV1, read.SpecVersion())
		require.Equal(t, m.UUID, read.ID())
		require.Equal(t, "webhookd."+m.Type, read.Type())
		require.Equal(t, "/webhookd/default", read.Source())
		require.Equal(t, m.Data.Call.CallUUID, read.Subject())
		require.Equal(t, m.CreatedOn, read.Time())
		require.Equal(t, time.UTC, read.Time().Location())
		require.Equal(t, cloudevent.ApplicationJSON, read.DataContentType())
		require.Empty(t, read.Extensions())
		require.Equal(t, m.body, read.Data())
		var data map[string]any
		require.NoError(t, read.DataAs(&data))
		require.Equal(t, m.Type, data["event_type"])
	}
}
