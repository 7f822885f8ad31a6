package dispatch

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"

	"webhookd/internal/store"
	"webhookd/internal/triggerapi"
)

// Subscribers and topics; what each method does is said with httpapi.Triggers.

// PutSubscriber creates or changes a subscriber.
func (s *Service) PutSubscriber(
	ctx context.Context, account string, subscriber store.Subscriber,
) (kept store.Subscriber, err error) {
	subscriber.Account = account
	err = s.write(ctx, func(r *round) error {
		if err := r.tx.PutSubscribers(r.ctx, []store.Subscriber{subscriber}, false); err != nil {
			return err
		}
		found, err := r.tx.SubscribersByID(r.ctx, account, []string{subscriber.ID})
		if err != nil {
			return err
		}
		if len(found) != 1 {
			return store.ErrNotFound
		}
		kept = found[0]
		return nil
	})
	if err != nil {
		return kept, fmt.Errorf("put subscriber: %w", err)
	}
	return kept, nil
}

// DropSubscriber removes a subscriber.
func (s *Service) DropSubscriber(ctx context.Context, account, id string) error {
	err := s.write(ctx, func(r *round) error {
		found, err := r.tx.SubscribersByID(r.ctx, account, []string{id})
		if err != nil {
			return err
		}
		if len(found) == 0 {
			return store.ErrNotFound
		}
		return r.tx.DropSubscribers(r.ctx, account, []string{id})
	})
	if err != nil {
		return fmt.Errorf("drop subscriber: %w", err)
	}
	return nil
}

// topic gives a topic of this transaction; ok is false if there is none.
func (r *round) topic(account, key string) (topic store.Topic, ok bool, err error) {
	found, err := r.tx.TopicsByKey(r.ctx, account, []string{key})
	if err != nil || len(found) == 0 {
		return store.Topic{}, false, err
	}
	return found[0], true, nil
}

// PutTopic creates a topic, or renames it.
func (s *Service) PutTopic(
	ctx context.Context, account string, topic triggerapi.Topic,
) (kept store.Topic, created bool, err error) {
	err = s.write(ctx, func(r *round) error {
		_, known, err := r.topic(account, topic.Key)
		if err != nil {
			return err
		}
		created = !known
		row := store.Topic{Account: account, Key: topic.Key, Name: topic.Name}
		if err := r.tx.PutTopics(r.ctx, []store.Topic{row}); err != nil {
			return err
		}
		kept, _, err = r.topic(account, topic.Key)
		return err
	})
	if err != nil {
		return kept, false, fmt.Errorf("put topic: %w", err)
	}
	return kept, created, nil
}

// RenameTopic gives a topic another name.
func (s *Service) RenameTopic(
	ctx context.Context, account string, topic triggerapi.Topic,
) (kept store.Topic, err error) {
	err = s.write(ctx, func(r *round) error {
		if _, known, err := r.topic(account, topic.Key); err != nil || !known {
			return cmp.Or(err, store.ErrNotFound)
		}
		row := store.Topic{Account: account, Key: topic.Key, Name: topic.Name}
		if err := r.tx.PutTopics(r.ctx, []store.Topic{row}); err != nil {
			return err
		}
		kept, _, err = r.topic(account, topic.Key)
		return err
	})
	if err != nil {
		return kept, fmt.Errorf("rename topic: %w", err)
	}
	return kept, nil
}

// DropTopic removes a topic.
func (s *Service) DropTopic(ctx context.Context, account, key string) error {
	err := s.write(ctx, func(r *round) error {
		if _, known, err := r.topic(account, key); err != nil || !known {
			return cmp.Or(err, store.ErrNotFound)
		}
		return r.tx.DropTopics(r.ctx, account, []string{key})
	})
	if err != nil {
		return fmt.Errorf("drop topic: %w", err)
	}
	return nil
}

// JoinTopic puts subscribers on a topic.
func (s *Service) JoinTopic(
	ctx context.Context, account, key string, ids []string,
) (joined triggerapi.Joined, err error) {
	err = s.write(ctx, func(r *round) error {
		joined = triggerapi.Joined{}
		added, err := r.tx.JoinTopic(r.ctx, account, key, ids)
		if errors.Is(err, store.ErrNotFound) {
			if err := r.tx.PutTopics(r.ctx, []store.Topic{{Account: account, Key: key}}); err != nil {
				return err
			}
			added, err = r.tx.JoinTopic(r.ctx, account, key, ids)
		}
		if err != nil {
			return err
		}
		for _, id := range ids {
			if slices.Contains(added, id) {
				joined.Succeeded = append(joined.Succeeded, id)
			} else {
				joined.NotFound = append(joined.NotFound, id)
			}
		}
		return nil
	})
	if err != nil {
		return joined, fmt.Errorf("join topic: %w", err)
	}
	return joined, nil
}

// LeaveTopic takes subscribers off a topic.
func (s *Service) LeaveTopic(ctx context.Context, account, key string, ids []string) error {
	err := s.write(ctx, func(r *round) error {
		if _, known, err := r.topic(account, key); err != nil || !known {
			return cmp.Or(err, store.ErrNotFound)
		}
		return r.tx.LeaveTopic(r.ctx, account, key, ids)
	})
	if err != nil {
		return fmt.Errorf("leave topic: %w", err)
	}
	return nil
}
