package httpapi

import (
	"encoding/json"
	"errors"
	"fmt"
	"strconv"

	"github.com/gofiber/fiber/v2"

	"webhookd/internal/store"
	"webhookd/internal/triggerapi"
)

// Limits of pages of subscribers and topics. A page by number is counted out from the beginning, so it must not be far
// away; "after" goes as far as one likes.
const (
	defaultNovuPage = 10
	maxNovuPage     = 100
	maxCounted      = 10_000 // entries
)

// subscriberJSON is a subscriber as Novu's clients know one.
//
//nolint:tagliatelle // these are Novu's names
type subscriberJSON struct {
	ID           string          `json:"_id"` // the same as subscriberId: there is no other
	SubscriberID string          `json:"subscriberId"`
	Email        string          `json:"email,omitempty"`
	Phone        string          `json:"phone,omitempty"`
	FirstName    string          `json:"firstName,omitempty"`
	LastName     string          `json:"lastName,omitempty"`
	Locale       string          `json:"locale,omitempty"`
	Avatar       string          `json:"avatar,omitempty"`
	Data         json.RawMessage `json:"data,omitempty"`
	CreatedAt    string          `json:"createdAt"`
	UpdatedAt    string          `json:"updatedAt"`
}

func subscriberOf(one *store.Subscriber) subscriberJSON {
	return subscriberJSON{
		ID: one.ID, SubscriberID: one.ID, Email: one.Email, Phone: one.Phone, FirstName: one.FirstName,
		LastName: one.LastName, Locale: one.Locale, Avatar: one.Avatar, Data: one.Data,
		CreatedAt: one.CreatedAt.UTC().Format(novuTime), UpdatedAt: one.UpdatedAt.UTC().Format(novuTime),
	}
}

func subscribersOf(list []store.Subscriber) []subscriberJSON {
	told := make([]subscriberJSON, 0, len(list))
	for i := range list {
		told = append(told, subscriberOf(&list[i]))
	}
	return told
}

// pageJSON is a page as Novu's clients know one. Next is ours: the value of "after" for the next page.
//
//nolint:tagliatelle // these are Novu's names
type pageJSON struct {
	Page       int     `json:"page"`
	PageSize   int     `json:"pageSize"`
	HasMore    bool    `json:"hasMore"`
	TotalCount *int    `json:"totalCount,omitempty"`
	Next       *string `json:"next"`
	Data       any     `json:"data"`
}

// pageOf is which entries a page holds: size of them, after skipping some of those that follow after.
type pageOf struct {
	number, size int
	after        string
}

// readPage reads which page is asked for. size is what the parameter for its size is called.
func readPage(q query, size string) (page pageOf, err error) {
	if page.size, err = q.limit(size, defaultNovuPage, maxNovuPage); err != nil {
		return page, err
	}
	page.after = q["after"]
	text, ok := q["page"]
	if !ok {
		return page, nil
	}
	if page.after != "" {
		return page, invalid("page", "It does not go with after; leave one of them out.")
	}
	page.number, err = strconv.Atoi(text)
	if err != nil || page.number < 0 || page.number*page.size > maxCounted-page.size {
		return page, invalid("page", "It is a number from 0 on, and within the first "+strconv.Itoa(maxCounted)+
			" entries. Use after to go on from there.")
	}
	return page, nil
}

// fetched is how many entries have to be read to fill the page and to see whether there are more.
func (p pageOf) fetched() int { return (p.number+1)*p.size + 1 }

// cut gives the entries of the page out of those that were read, and its frame.
func cut[T any](p pageOf, entries []T, id func(*T) string) ([]T, pageJSON) {
	frame := pageJSON{Page: p.number, PageSize: p.size}
	entries = entries[min(p.number*p.size, len(entries)):]
	if len(entries) > p.size {
		entries = entries[:p.size]
		next := id(&entries[p.size-1])
		frame.HasMore, frame.Next = true, &next
	}
	return entries, frame
}

func subscriberID(one *store.Subscriber) string { return one.ID }

// getSubscribers answers with a page of an account's subscribers, by id.
func (s *Server) getSubscribers(c *fiber.Ctx) error {
	q, err := readQuery(c, "account", "page", "limit", "after")
	if err != nil {
		return err
	}
	account, err := accountOf(c, q)
	if err != nil {
		return err
	}
	page, err := readPage(q, "limit")
	if err != nil {
		return err
	}
	ctx, cancel := s.requestContext()
	defer cancel()
	list, err := s.cfg.TriggerReader.Subscribers(ctx, account, page.after, page.fetched())
	if err != nil {
		return fmt.Errorf("list subscribers: %w", err)
	}
	list, frame := cut(page, list, subscriberID)
	frame.Data = subscribersOf(list)
	return answerJSON(c, fiber.StatusOK, fiber.MIMEApplicationJSON, frame)
}

// getSubscriber answers with one subscriber.
func (s *Server) getSubscriber(c *fiber.Ctx) error {
	account, id, fits, err := namedBy(c, "subscriber_id")
	if err != nil {
		return err
	}
	if !fits {
		return subscriberNotFound()
	}
	ctx, cancel := s.requestContext()
	defer cancel()
	one, err := s.cfg.TriggerReader.Subscriber(ctx, account, id)
	if errors.Is(err, store.ErrNotFound) {
		return subscriberNotFound()
	}
	if err != nil {
		return fmt.Errorf("find subscriber: %w", err)
	}
	return answerJSON(c, fiber.StatusOK, fiber.MIMEApplicationJSON, data{subscriberOf(&one)})
}

// namedBy reads the account that a request is about, and the id in its path.
func namedBy(c *fiber.Ctx, parameter string) (account, id string, fits bool, err error) {
	q, err := readQuery(c, "account")
	if err != nil {
		return "", "", false, err
	}
	if account, err = accountOf(c, q); err != nil {
		return "", "", false, err
	}
	id, fits, err = idParam(c, parameter)
	return account, id, fits, err
}

func subscriberNotFound() *problem {
	return &problem{kind: kindSubscriberNotFound, detail: "This account has no subscriber with this id."}
}

// postSubscriber creates a subscriber, or changes what is given of one.
func (s *Server) postSubscriber(c *fiber.Ctx) error {
	q, err := readQuery(c, "account")
	if err != nil {
		return err
	}
	account, err := accountOf(c, q)
	if err != nil {
		return err
	}
	return s.keepSubscriber(c, account, "", fiber.StatusCreated)
}

// putSubscriber is postSubscriber for the subscriber that the path names.
func (s *Server) putSubscriber(c *fiber.Ctx) error {
	account, id, fits, err := namedBy(c, "subscriber_id")
	if err != nil {
		return err
	}
	if !fits {
		return &problem{kind: kindBodyUnfit, detail: "The id in the path cannot be one, and nothing was changed: it has 1 to " +
			strconv.Itoa(store.MaxKey) + " bytes of UTF-8 and no control characters."}
	}
	return s.keepSubscriber(c, account, id, fiber.StatusOK)
}

func (s *Server) keepSubscriber(c *fiber.Ctx, account, id string, status int) error {
	body, err := readBody(c)
	if err != nil {
		return err
	}
	subscriber, err := triggerapi.ReadSubscriber(body, c.Get(fiber.HeaderContentType), id)
	if err != nil {
		return triggerProblem(err)
	}
	ctx, cancel := s.requestContext()
	defer cancel()
	kept, err := s.cfg.Directory.PutSubscriber(ctx, account, subscriber)
	if err != nil {
		return triggerProblem(err)
	}
	return answerJSON(c, status, fiber.MIMEApplicationJSON, data{subscriberOf(&kept)})
}

// deleteSubscriber removes a subscriber, also from all topics.
func (s *Server) deleteSubscriber(c *fiber.Ctx) error {
	account, id, fits, err := namedBy(c, "subscriber_id")
	if err != nil {
		return err
	}
	if !fits {
		return subscriberNotFound()
	}
	ctx, cancel := s.requestContext()
	defer cancel()
	if err := s.cfg.Directory.DropSubscriber(ctx, account, id); errors.Is(err, store.ErrNotFound) {
		return subscriberNotFound()
	} else if err != nil {
		return triggerProblem(err)
	}
	return answerJSON(c, fiber.StatusOK, fiber.MIMEApplicationJSON, data{struct {
		Acknowledged bool   `json:"acknowledged"`
		Status       string `json:"status"`
	}{true, "deleted"}})
}
