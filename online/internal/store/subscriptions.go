package store

import (
	"context"
	"crypto/rand"
	"encoding/base64"
	"time"

	"coldsign/shared/bundle"
	"coldsign/shared/fault"
	"coldsign/shared/quote"
)

// The kinds of events that are told of. The first two are those of the KMS API.
const (
	KMSCompleted = "KMS_COMPLETED_TX" // seen at the depth set for its chain, or asserted
	KMSFailed    = "KMS_FAILED_TX"    // ended otherwise, or a hot signer reported an error
	KMSReorged   = "KMS_REORGED_TX"   // what was told holds no more: it is on its way again
)

// EventTypes lists them.
func EventTypes() []string { return []string{KMSCompleted, KMSFailed, KMSReorged} }

const (
	maxSubscriptions = 100 // of a tenant
	maxURL           = 500 // bytes, as the KMS API documents
	maxPayloadKey    = 100 // characters, as the KMS API documents
	signingPrefix    = "whsec_"
)

// Subscription is who is told of a tenant's events of one kind. Its key is not in
// it: Subscribe gives it once, and a Batch to whoever signs.
type Subscription struct {
	ID, Tenant, Type, URL string
	Created               time.Time
	Waiting, Dead         int // events
}

// Subscribe adds a receiver. secret, "whsec_" and 32 random bytes in base64, is
// what its events are signed with; it is kept in the clear, and given this once.
func (s *Store) Subscribe(ctx context.Context, tenant, kind, url string) (id, secret string, err error) {
	if tenant == "" || tenant == Any || len(tenant) > maxText || !quote.Plain(tenant) {
		return "", "", fault.New("webhook.tenant", "", "%s is no name for a tenant", quote.String(tenant))
	}
	if url == "" || len(url) > maxURL || !quote.Plain(url) {
		return "", "", fault.New("webhook.url", "", "the address must be printable ASCII of at most %d characters", maxURL)
	}
	var key [32]byte
	rand.Read(key[:])
	id = NewID().String()
	err = s.write(ctx, func(t *tx) error {
		var n, same int
		if err := t.row("SELECT count(*), count(CASE WHEN type = ? AND url = ? THEN 1 END) FROM subscriptions WHERE tenant = ? AND removed = 0", kind, url, tenant).Scan(&n, &same); err != nil {
			return err
		}
		if same > 0 {
			return fault.New("subscription.exists", "remove the other one first", "this address is told of %s already", quote.Line(kind))
		}
		if n >= maxSubscriptions {
			return fault.New("subscription.limit", "remove some", "a tenant has at most %d subscriptions", maxSubscriptions)
		}
		if _, err := t.exec("INSERT INTO subscriptions (id, tenant, type, url, secret, created) VALUES (?, ?, ?, ?, ?, ?)", id, tenant, kind, url, key[:], t.at.UnixMilli()); err != nil {
			return err
		}
		return t.audit("webhook.add", bundle.ID{}, "", "", id+" "+kind)
	})
	return id, SigningSecret(key), err
}

// Subscriptions lists those of the tenant, or of all for Any, oldest first.
func (s *Store) Subscriptions(ctx context.Context, tenant string) ([]Subscription, error) {
	rows, err := s.db.QueryContext(ctx, `SELECT id, tenant, type, url, created,
 (SELECT count(*) FROM events e WHERE e.subscription = s.id AND e.state = 'waiting'),
 (SELECT count(*) FROM events e WHERE e.subscription = s.id AND e.state = 'dead')
 FROM subscriptions s WHERE removed = 0 AND (tenant = ? OR ? = '*') ORDER BY created, id`, tenant, tenant)
	list, err := all(rows, err, func(from scanner) (s Subscription, err error) {
		var created int64
		err = from.Scan(&s.ID, &s.Tenant, &s.Type, &s.URL, &created, &s.Waiting, &s.Dead)
		s.Created = fromMillis(created)
		return s, err
	})
	return list, s.fail(err)
}

// Unsubscribe ends a subscription of the tenant, or anybody's for Any. What was
// not told yet is dropped.
func (s *Store) Unsubscribe(ctx context.Context, tenant, id string) error {
	return s.write(ctx, func(t *tx) error {
		n, err := t.exec("UPDATE subscriptions SET removed = ? WHERE id = ? AND removed = 0 AND (tenant = ? OR ? = '*')", t.at.UnixMilli(), id, tenant, tenant)
		if err != nil {
			return err
		}
		if n == 0 {
			return errSubscription(id)
		}
		if _, err := t.exec("UPDATE events SET state = 'dropped', done = ? WHERE subscription = ? AND state = 'waiting'", t.at.UnixMilli(), id); err != nil {
			return err
		}
		return t.audit("webhook.remove", bundle.ID{}, "", "", id)
	})
}

func errSubscription(id string) error {
	return fault.New("subscription.missing", "", "there is no subscription %s", quote.String(id))
}

// SetPayloadKey sets the key of the tenant's x-payload-hash; "" ends it.
func (s *Store) SetPayloadKey(ctx context.Context, tenant, secret string) error {
	if len(secret) > maxPayloadKey || !quote.Plain(secret) {
		return fault.New("webhook.secret", "", "the secret must be printable ASCII of at most %d characters", maxPayloadKey)
	}
	return s.write(ctx, func(t *tx) error {
		if _, err := t.exec("DELETE FROM payload_keys WHERE tenant = ?", tenant); err != nil {
			return err
		}
		if secret == "" {
			return t.audit("webhook.hmac", bundle.ID{}, "", "", "off "+tenant)
		}
		if _, err := t.exec("INSERT INTO payload_keys (tenant, secret) VALUES (?, ?)", tenant, secret); err != nil {
			return err
		}
		return t.audit("webhook.hmac", bundle.ID{}, "", "", "on "+tenant)
	})
}

// Receiver is where an event goes, with the keys that sign it.
type Receiver struct {
	ID, Tenant, Type, URL string
	Key                   [32]byte
	PayloadKey            string // the tenant's own; "" none
}

// Receiver gives one of the tenant's, or anybody's for Any.
func (s *Store) Receiver(ctx context.Context, tenant, id string) (Receiver, error) {
	rows, err := s.db.QueryContext(ctx, "SELECT "+receiverColumns+" FROM subscriptions s WHERE id = ? AND removed = 0 AND (tenant = ? OR ? = '*')", id, tenant, tenant)
	list, err := all(rows, err, receiver)
	if err == nil && len(list) == 0 {
		err = errSubscription(id)
	}
	if err != nil {
		return Receiver{}, s.fail(err)
	}
	return list[0], nil
}

const receiverColumns = "id, tenant, type, url, secret, coalesce((SELECT k.secret FROM payload_keys k WHERE k.tenant = s.tenant), '')"

func receiver(from scanner) (r Receiver, err error) {
	var key []byte
	err = from.Scan(&r.ID, &r.Tenant, &r.Type, &r.URL, &key, &r.PayloadKey)
	copy(r.Key[:], key)
	return r, err
}

// SigningSecret is the text of a signing key, as its receiver has it.
func SigningSecret(key [32]byte) string {
	return signingPrefix + base64.StdEncoding.EncodeToString(key[:])
}
