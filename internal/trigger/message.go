package trigger

import (
	"errors"
	"regexp"
	"strconv"
	"strings"

	"webhookd/internal/flow"
)

// content is what a message says.
type content struct {
	text         *template
	attachments  []*template
	quickReplies []*template
}

type contentJSON struct {
	Text         string   `json:"text"`
	Attachments  []string `json:"attachments"`
	QuickReplies []string `json:"quick_replies"`
}

func (f *form) content() content {
	return content{
		text:         f.required("text", nil),
		attachments:  f.texts("attachments", attachment),
		quickReplies: f.texts("quick_replies", nil),
	}
}

var (
	errAttachment = errors.New("is no attachment, such as image/jpeg:https://example.com/a.jpg")
	errNoText     = errors.New("the message is empty")

	attachmentForm = regexp.MustCompile(`^[a-z]+(/[A-Za-z0-9.+*_-]+)?:\S+$`)
)

// attachment takes a kind and a URL; nothing is no attachment, and is left out.
func attachment(text string) error {
	if text = strings.TrimSpace(text); text != "" && !attachmentForm.MatchString(text) {
		return errAttachment
	}
	return nil
}

func (c content) fill(o *Occasion) (contentJSON, error) {
	text, err := c.text.fill(o)
	if err != nil {
		return contentJSON{}, err
	}
	attachments, err := fillTexts(c.attachments, o)
	if err != nil {
		return contentJSON{}, err
	}
	quickReplies, err := fillTexts(c.quickReplies, o)
	if err != nil {
		return contentJSON{}, err
	}
	if strings.TrimSpace(text) == "" && len(attachments) == 0 {
		return contentJSON{}, errNoText
	}
	return contentJSON{text, attachments, quickReplies}, nil
}

// sendMsg is send_msg: a message to the contact.
type sendMsg struct {
	content

	allURNs bool
}

func newSendMsg(f *form) action { return &sendMsg{f.content(), f.flag("all_urns")} }

type msgJSON struct {
	UUID    string        `json:"uuid"`
	Channel referenceJSON `json:"channel"`
	URN     string        `json:"urn"`
	contentJSON
}

func (a *sendMsg) do(f *firing) error {
	said, err := a.fill(f.o)
	if err != nil {
		return err
	}
	urns := f.o.urns()
	switch {
	case len(urns) == 0:
		return errNobody
	case !a.allURNs:
		urns = urns[:1]
	}
	for _, urn := range urns {
		msg := msgJSON{
			UUID:    named("msg", f.o.Account, f.triggerID, strconv.Itoa(len(f.Events)+1)),
			Channel: f.o.channel(), URN: urn, contentJSON: said,
		}
		if err := f.emit(EventMsgCreated, map[string]msgJSON{"msg": msg}); err != nil {
			return err // the first one is as long as the others
		}
	}
	return nil
}

// channel stands for the PBX project where goflow wants a channel.
func (o *Occasion) channel() referenceJSON {
	if o.Call == nil {
		return referenceJSON{UUID: flow.ChannelUUID(o.Account, "")}
	}
	return referenceJSON{flow.ChannelUUID(o.Account, o.Call.Project.ID.Text()), string(o.Call.Project.Name)}
}

// sendBroadcast is send_broadcast: a message to others.
type sendBroadcast struct {
	content
	recipients

	language *template
}

// undetermined is the language of a broadcast that names none (ISO 639-3).
const undetermined = "und"

func newSendBroadcast(f *form) action {
	a := &sendBroadcast{f.content(), f.recipients(), f.text("base_language", language3)}
	if a.none() && !f.any(keyURNs, keyContacts, keyGroups) {
		f.wrongf(keyURNs, "are missing, and so are contacts, groups and contact_query: the message is for nobody")
	}
	return a
}

type broadcastJSON struct {
	Translations map[string]contentJSON `json:"translations"`
	BaseLanguage string                 `json:"base_language"`
	recipientsJSON
}

func (a *sendBroadcast) do(f *firing) error {
	said, err := a.content.fill(f.o)
	if err != nil {
		return err
	}
	to, err := a.recipients.fill(f.o)
	if err != nil {
		return err
	}
	if to.none() {
		return errNobody
	}
	language, err := a.language.fill(f.o)
	if err != nil {
		return err
	}
	if language == "" {
		language = undetermined
	}
	return f.emit(EventBroadcastCreated, broadcastJSON{
		Translations: map[string]contentJSON{language: said}, BaseLanguage: language, recipientsJSON: to,
	})
}

// recipients are others than the contact.
type recipients struct {
	urns     []*template
	contacts []reference
	groups   []reference
	query    *template
}

type recipientsJSON struct {
	URNs         []string        `json:"urns"`
	Contacts     []referenceJSON `json:"contacts"`
	Groups       []referenceJSON `json:"groups"`
	ContactQuery string          `json:"contact_query,omitempty"`
}

const (
	keyURNs     = "urns"
	keyContacts = "contacts"
	keyGroups   = "groups"
)

func (f *form) recipients() recipients {
	return recipients{
		urns:     f.texts(keyURNs, urnOrNothing),
		contacts: f.references(keyContacts),
		groups:   f.references(keyGroups),
		query:    f.text("contact_query", nil),
	}
}

// urnOrNothing takes a URN; nothing is none, and is left out.
func urnOrNothing(text string) error {
	if text = strings.TrimSpace(text); text == "" {
		return nil
	}
	return validURN(text)
}

func (r recipients) none() bool {
	return len(r.urns) == 0 && len(r.contacts) == 0 && len(r.groups) == 0 && r.query == nil
}

func (r recipientsJSON) none() bool {
	return len(r.URNs) == 0 && len(r.Contacts) == 0 && len(r.Groups) == 0 && r.ContactQuery == ""
}

func (r recipients) fill(o *Occasion) (recipientsJSON, error) {
	urns, err := fillTexts(r.urns, o)
	if err != nil {
		return recipientsJSON{}, err
	}
	contacts, err := fillAll(r.contacts, o)
	if err != nil {
		return recipientsJSON{}, err
	}
	groups, err := fillAll(r.groups, o)
	if err != nil {
		return recipientsJSON{}, err
	}
	query, err := r.query.fill(o)
	return recipientsJSON{urns, contacts, groups, strings.TrimSpace(query)}, err
}

// sendEmail is send_email.
type sendEmail struct {
	addresses     []*template
	subject, body *template
}

func newSendEmail(f *form) action {
	a := &sendEmail{f.texts("addresses", mailAddress), f.required("subject", notEmpty), f.required("body", nil)}
	if len(a.addresses) == 0 {
		f.wrongf("addresses", "are missing")
	}
	return a
}

// mailAddress takes an e-mail address; nothing is none, and is left out.
func mailAddress(text string) error {
	if text = strings.TrimSpace(text); text != "" && !mailPath.MatchString(text) {
		return errMailPath
	}
	return nil
}

type emailJSON struct {
	To      []string `json:"to"`
	Subject string   `json:"subject"`
	Body    string   `json:"body"`
}

func (a *sendEmail) do(f *firing) error {
	to, err := fillTexts(a.addresses, f.o)
	if err != nil {
		return err
	}
	subject, err := a.subject.fill(f.o)
	if err != nil {
		return err
	}
	body, err := a.body.fill(f.o)
	if err != nil {
		return err
	}
	if len(to) == 0 {
		return errNobody
	}
	return f.emit(EventEmailSent, emailJSON{to, oneLine(subject), body})
}
