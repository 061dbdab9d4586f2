package main

import (
	"coldsign/offline/internal/policy"
	"coldsign/offline/internal/review"
	"coldsign/shared/fault"
)

// policy gives the rules in force.
func (s *session) policy() (policy.Policy, error) { return policy.Preset(s.ks.Preset()) }

// approvers gives the operators who approved this very batch, by role: each name
// once. A person at the console who names nobody counts for nobody.
func (s *session) approvers(*review.Batch) (map[string][]string, error) { return nil, nil }

// changers gives the operators of policy.RolePolicy who signed a document: the
// bytes of its file.
func (s *session) changers([]byte) ([]string, error) { return nil, nil }

// approved stops where a request would be signed that too few operators approved.
func (s *session) approved(batch *review.Batch) error {
	var names map[string][]string
	for i := range batch.Items {
		it := &batch.Items[i]
		if !it.Verdict.Allow || it.Repeat {
			continue
		}
		for _, n := range it.Verdict.Needs {
			if names == nil {
				var err error
				if names, err = s.approvers(batch); err != nil {
					return err
				}
			}
			if have := len(names[n.Role]); have < n.Count {
				return fault.New("approve.missing", "have the batch approved and give --approval FILE, or --refuse the request",
					"request %s needs %d of role %s, and %d approved", it.Request.ID, n.Count, n.Role, have)
			}
		}
	}
	return nil
}

// changeable asks whether a new document has the approvals that the policy in force
// wants.
func (s *session) changeable(raw []byte) error {
	p, err := s.policy()
	if err != nil || p.Change == 0 {
		return err
	}
	names, err := s.changers(raw)
	if err == nil && len(names) < p.Change {
		err = fault.New("approve.missing", "have operators sign the file with minisign and give --approval FILE.minisig",
			"it needs %d of role %s, and %d approved", p.Change, policy.RolePolicy, len(names))
	}
	return err
}
