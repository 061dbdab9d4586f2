package main

import (
	"fmt"

	"coldsign/offline/internal/desk"
	"coldsign/offline/internal/journal"
	"coldsign/offline/internal/memory"
	"coldsign/offline/internal/review"
	"coldsign/shared/fault"
)

// atDesk lets a person review on the whole screen, and refuse single requests with a
// reason. Stopping decides nothing.
func (s *session) atDesk(batch *review.Batch) error {
	memory.Collect() // a person may take an hour
	o, err := desk.Play(desk.New(s.deskContent(batch)), s.con.In, s.con.Err)
	if err != nil {
		return err
	}
	if !o.Approved {
		return fault.New("approve.stopped", "nothing was signed and nothing was written", "not approved")
	}
	// Every line was on the screen.
	if _, err := s.record(journal.Entry{Kind: journal.Seen, Data: batch.Shown()}); err != nil {
		return err
	}
	for i, why := range o.Refused {
		batch.Items[i].RefuseFor(why)
	}
	return nil
}

func (s *session) deskContent(batch *review.Batch) desk.Content {
	c := desk.Content{
		Title:  fmt.Sprintf("BATCH %d from the online half, %d requests", batch.Header.Sequence, len(batch.Items)),
		Digest: review.Words(batch.Digest),
	}
	c.Lead = append(c.Lead, s.loud...)
	if batch.From != "" {
		c.Title = fmt.Sprintf("FROM ANOTHER WALLET, %d requests: nobody vouches for who asks", len(batch.Items))
		c.Lead = append(c.Lead, "!! FROM ANOTHER WALLET ("+batch.From+"): compare every line with that wallet's screen")
	}
	if s.ks.Preset() != "strict" {
		c.Lead = append(c.Lead, "WARNING: policy "+s.ks.Preset()+" is in force: claimed amounts and unexplained calls are signed")
	}
	c.Lead = append(c.Lead, batch.Overview()...)
	for i := range batch.Items {
		it := &batch.Items[i]
		// The whole of it stands in the list: what is signed was on the screen.
		text := batch.Text(i)
		c.Items = append(c.Items, desk.Item{Lines: text, Text: text, Fixed: it.Final(), Signed: it.Verdict.Allow})
	}
	return c
}
