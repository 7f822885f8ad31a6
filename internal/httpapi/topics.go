package httpapi

import (
	"context"
	"errors"
	"fmt"

	"github.com/gofiber/fiber/v2"

	"webhookd/internal/store"
	"webhookd/internal/triggerapi"
)

// shownMembers is how many subscribers of a topic are named with it. GET …/subscribers pages through all of them.
const shownMembers = 1000

// topicJSON is a topic as Novu's clients know one. SubscriberCount is ours.
//
//nolint:tagliatelle // these are Novu's names
type topicJSON struct {
	ID              string   `json:"_id"` // the same as key: there is no other
	Key             string   `json:"key"`
	Name            string   `json:"name"`
	Subscribers     []string `json:"subscribers"` // the first of them, by id
	SubscriberCount int      `json:"subscriberCount"`
	CreatedAt       string   `json:"createdAt"`
}

// topicOf gives a topic with its first subscribers.
func (s *Server) topicOf(ctx context.Context, topic store.Topic) (topicJSON, error) {
	told := topicJSON{
		ID: topic.Key, Key: topic.Key, Name: topic.Name, Subscribers: []string{}, SubscriberCount: topic.Subscribers,
		CreatedAt: topic.CreatedAt.UTC().Format(novuTime),
	}
	if topic.Subscribers == 0 {
		return told, nil
	}
	members, err := s.cfg.TriggerReader.TopicMembers(ctx, topic.Account, topic.Key, "", shownMembers)
	if err != nil {
		return told, fmt.Errorf("list subscribers of topic: %w", err)
	}
	for i := range members {
		told.Subscribers = append(told.Subscribers, members[i].ID)
	}
	return told, nil
}

func topicNotFound() *problem {
	return &problem{kind: kindTopicNotFound, detail: "This account has no topic with this key."}
}

// getTopics answers with a page of an account's topics, by key; with the parameter key, with that one.
func (s *Server) getTopics(c *fiber.Ctx) error {
	q, err := readQuery(c, "account", "page", "pageSize", "after", "key")
	if err != nil {
		return err
	}
	account, err := accountOf(c, q)
	if err != nil {
		return err
	}
	page, err := readPage(q, "pageSize")
	if err != nil {
		return err
	}
	ctx, cancel := s.requestContext()
	defer cancel()
	topics, err := s.topics(ctx, account, q["key"], page)
	if err != nil {
		return err
	}
	total := len(topics)
	topics, frame := cut(page, topics, func(one *store.Topic) string { return one.Key })
	list := make([]topicJSON, 0, len(topics))
	for i := range topics {
		told, err := s.topicOf(ctx, topics[i])
		if err != nil {
			return err
		}
		list = append(list, told)
	}
	if !frame.HasMore && page.after == "" {
		frame.TotalCount = &total // otherwise nobody has counted
	}
	frame.Data = list
	return answerJSON(c, fiber.StatusOK, fiber.MIMEApplicationJSON, frame)
}

// topics gives enough topics for a page.
func (s *Server) topics(ctx context.Context, account, key string, page pageOf) ([]store.Topic, error) {
	if key == "" {
		topics, err := s.cfg.TriggerReader.Topics(ctx, account, page.after, page.fetched())
		if err != nil {
			return nil, fmt.Errorf("list topics: %w", err)
		}
		return topics, nil
	}
	topic, err := s.cfg.TriggerReader.Topic(ctx, account, key)
	if errors.Is(err, store.ErrNotFound) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("find topic: %w", err)
	}
	return []store.Topic{topic}, nil
}

// getTopic answers with one topic.
func (s *Server) getTopic(c *fiber.Ctx) error {
	account, key, fits, err := namedBy(c, "topic_key")
	if err != nil {
		return err
	}
	if !fits {
		return topicNotFound()
	}
	ctx, cancel := s.requestContext()
	defer cancel()
	topic, err := s.cfg.TriggerReader.Topic(ctx, account, key)
	if errors.Is(err, store.ErrNotFound) {
		return topicNotFound()
	}
	if err != nil {
		return fmt.Errorf("find topic: %w", err)
	}
	return s.answerTopic(ctx, c, topic)
}

func (s *Server) answerTopic(ctx context.Context, c *fiber.Ctx, topic store.Topic) error {
	told, err := s.topicOf(ctx, topic)
	if err != nil {
		return err
	}
	return answerJSON(c, fiber.StatusOK, fiber.MIMEApplicationJSON, data{told})
}

// postTopic creates a topic. One that is there already is left as it is, but for its name.
func (s *Server) postTopic(c *fiber.Ctx) error {
	q, err := readQuery(c, "account")
	if err != nil {
		return err
	}
	account, err := accountOf(c, q)
	if err != nil {
		return err
	}
	body, err := readBody(c)
	if err != nil {
		return err
	}
	topic, err := triggerapi.ReadTopic(body, c.Get(fiber.HeaderContentType), "")
	if err != nil {
		return triggerProblem(err)
	}
	ctx, cancel := s.requestContext()
	defer cancel()
	kept, isNew, err := s.cfg.Directory.PutTopic(ctx, account, topic)
	if err != nil {
		return triggerProblem(err)
	}
	status := fiber.StatusOK
	if isNew {
		status = fiber.StatusCreated
	}
	return answerJSON(c, status, fiber.MIMEApplicationJSON, data{struct {
		ID  string `json:"_id"` //nolint:tagliatelle // Novu's name
		Key string `json:"key"`
	}{kept.Key, kept.Key}})
}

// patchTopic gives a topic another name.
func (s *Server) patchTopic(c *fiber.Ctx) error {
	account, key, fits, err := namedBy(c, "topic_key")
	if err != nil {
		return err
	}
	if !fits {
		return topicNotFound()
	}
	body, err := readBody(c)
	if err != nil {
		return err
	}
	topic, err := triggerapi.ReadTopic(body, c.Get(fiber.HeaderContentType), key)
	if err != nil {
		return triggerProblem(err)
	}
	ctx, cancel := s.requestContext()
	defer cancel()
	kept, err := s.cfg.Directory.RenameTopic(ctx, account, topic)
	if err != nil {
		return topicProblem(err)
	}
	return s.answerTopic(ctx, c, kept)
}

// deleteTopic removes a topic; its subscribers stay.
func (s *Server) deleteTopic(c *fiber.Ctx) error {
	account, key, fits, err := namedBy(c, "topic_key")
	if err != nil {
		return err
	}
	if !fits {
		return topicNotFound()
	}
	ctx, cancel := s.requestContext()
	defer cancel()
	if err := s.cfg.Directory.DropTopic(ctx, account, key); err != nil {
		return topicProblem(err)
	}
	return c.SendStatus(fiber.StatusNoContent)
}

func topicProblem(err error) *problem {
	if errors.Is(err, store.ErrNotFound) {
		return topicNotFound()
	}
	return triggerProblem(err)
}

// getMembers answers with a page of a topic's subscribers, by id.
func (s *Server) getMembers(c *fiber.Ctx) error {
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
	key, fits, err := idParam(c, "topic_key")
	if err != nil {
		return err
	}
	if !fits {
		return topicNotFound()
	}
	ctx, cancel := s.requestContext()
	defer cancel()
	if _, err := s.cfg.TriggerReader.Topic(ctx, account, key); errors.Is(err, store.ErrNotFound) {
		return topicNotFound()
	} else if err != nil {
		return fmt.Errorf("find topic: %w", err)
	}
	members, err := s.cfg.TriggerReader.TopicMembers(ctx, account, key, page.after, page.fetched())
	if err != nil {
		return fmt.Errorf("list subscribers of topic: %w", err)
	}
	members, frame := cut(page, members, subscriberID)
	frame.Data = subscribersOf(members)
	return answerJSON(c, fiber.StatusOK, fiber.MIMEApplicationJSON, frame)
}

// joinedJSON says which subscribers were put on a topic.
type joinedJSON struct {
	Succeeded []string    `json:"succeeded"`
	Failed    *failedJSON `json:"failed,omitempty"`
}

//nolint:tagliatelle // these are Novu's names
type failedJSON struct {
	NotFound []string `json:"notFound"`
}

// postMembers puts subscribers on a topic.
func (s *Server) postMembers(c *fiber.Ctx) error {
	account, key, ids, err := readMembers(c)
	if err != nil {
		return err
	}
	ctx, cancel := s.requestContext()
	defer cancel()
	joined, err := s.cfg.Directory.JoinTopic(ctx, account, key, ids)
	if err != nil {
		return topicProblem(err)
	}
	told := joinedJSON{Succeeded: append([]string{}, joined.Succeeded...)}
	if len(joined.NotFound) > 0 {
		told.Failed = &failedJSON{joined.NotFound}
	}
	return answerJSON(c, fiber.StatusOK, fiber.MIMEApplicationJSON, data{told})
}

// postRemoval takes subscribers off a topic.
func (s *Server) postRemoval(c *fiber.Ctx) error {
	account, key, ids, err := readMembers(c)
	if err != nil {
		return err
	}
	ctx, cancel := s.requestContext()
	defer cancel()
	if err := s.cfg.Directory.LeaveTopic(ctx, account, key, ids); err != nil {
		return topicProblem(err)
	}
	return c.SendStatus(fiber.StatusNoContent)
}

func readMembers(c *fiber.Ctx) (account, key string, ids []string, err error) {
	account, key, fits, err := namedBy(c, "topic_key")
	if err != nil {
		return "", "", nil, err
	}
	if !fits {
		return "", "", nil, topicNotFound()
	}
	body, err := readBody(c)
	if err != nil {
		return "", "", nil, err
	}
	if ids, err = triggerapi.ReadIDs(body, c.Get(fiber.HeaderContentType)); err != nil {
		return "", "", nil, triggerProblem(err)
	}
	return account, key, ids, nil
}
