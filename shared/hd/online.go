package hd

import "coldsign/shared/chain"

// What the online half alone asks.

// Derive follows a path of normal children. Errors are those of Child.
func (p *Public) Derive(path []uint32) (*Public, error) {
	if p.key == (chain.PublicKey{}) {
		return nil, errEmpty()
	}
	at := *p
	for _, i := range path {
		child, err := at.Child(i)
		if err != nil {
			return nil, err
		}
		at = *child
	}
	return &at, nil
}
