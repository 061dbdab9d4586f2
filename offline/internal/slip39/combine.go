package slip39

import (
	"crypto/subtle"
	"fmt"
	"strings"

	"coldsign/offline/internal/memory"
	"coldsign/shared/fault"
)

// Combine gives the secret that shares have, in a. There may be more than enough of
// them: every one must then fit the others, so that a whole set that combines shows
// that each sufficient part of it does. A wrong passphrase gives another secret.
//
// Errors: share.set for shares of several sets, share.twice, share.few which says what
// is missing, share.digest for shares that look like one set and are not, share.work.
func Combine(a *memory.Arena, shares []Share, passphrase []byte) (secret []byte, err error) {
	groups, err := sorted(shares)
	if err != nil {
		return nil, err
	}
	s := shares[0]
	if s.Exponent > maxExponent {
		return nil, fault.New("share.work", "combine them with another tool", "these shares ask for %d iterations, more than are done here", rounds*iterations<<s.Exponent)
	}
	memory.Do(func() {
		var points []point
		var sealed []byte
		for g, members := range groups {
			if len(members) == 0 || len(members) < members[0].Threshold {
				continue // of no use, and not needed
			}
			var values []point
			for _, m := range members {
				values = append(values, point{byte(m.Member), m.value})
			}
			var part []byte
			if part, err = recovered(a, values, members[0].Threshold); err != nil {
				return
			}
			defer clear(part)
			points = append(points, point{byte(g), part})
		}
		if sealed, err = recovered(a, points, s.GroupThreshold); err != nil {
			return
		}
		defer clear(sealed)
		secret, err = s.crypt(a, sealed, passphrase, []byte{3, 2, 1, 0})
	})
	return secret, err
}

// sorted gives the shares of each group, and refuses what is not one sufficient set.
func sorted(shares []Share) ([][]Share, error) {
	if len(shares) == 0 || len(shares) > maxShares {
		return nil, fault.New("share.few", "", "%d shares are no set", len(shares))
	}
	first := shares[0]
	groups := make([][]Share, first.Groups)
	for _, s := range shares {
		same := s.ID == first.ID && s.Extendable == first.Extendable && s.Exponent == first.Exponent &&
			s.GroupThreshold == first.GroupThreshold && s.Groups == first.Groups && len(s.value) == len(first.value)
		if !same || s.Group >= first.Groups {
			return nil, fault.New("share.set", "take shares of one set", "the shares are of different sets, %s and %s", first.Set(), s.Set())
		}
		for _, o := range groups[s.Group] {
			switch {
			case o.Threshold != s.Threshold:
				return nil, fault.New("share.set", "take shares of one set", "the shares of group %d are of different sets", s.Group+1)
			case o.Member == s.Member && subtle.ConstantTimeCompare(o.value, s.value) == 1:
				return nil, fault.New("share.twice", "give another one", "%s was given twice", s.Place())
			case o.Member == s.Member:
				return nil, fault.New("share.set", "take shares of one set", "two different shares say that they are %s", s.Place())
			}
		}
		groups[s.Group] = append(groups[s.Group], s)
	}
	return groups, enough(groups, first.GroupThreshold)
}

// enough says what is missing, as an error.
func enough(groups [][]Share, threshold int) error {
	whole := 0
	var partly []string
	for g, members := range groups {
		switch have := len(members); {
		case have == 0:
		case have >= members[0].Threshold:
			whole++
		default:
			partly = append(partly, fmt.Sprintf("group %d has %d of %d shares", g+1, have, members[0].Threshold))
		}
	}
	if whole >= threshold {
		return nil
	}
	if len(groups) == 1 {
		return fault.New("share.few", "give more shares of the set", "%d of %d shares are here", len(groups[0]), groups[0][0].Threshold)
	}
	what := fmt.Sprintf("%d of %d groups are whole", whole, threshold)
	return fault.New("share.few", "give more shares of the set", "%s", strings.Join(append([]string{what}, partly...), ", "))
}

// recovered gives what a group, or the groups, share. What is beyond the threshold
// must be on the same polynomials.
func recovered(a *memory.Arena, points []point, t int) ([]byte, error) {
	n := len(points[0].y)
	secret, err := a.Bytes(n)
	if err != nil {
		return nil, err
	}
	other, err := a.Bytes(n)
	if err != nil {
		return nil, err
	}
	defer clear(other)
	wrong := fault.New("share.digest", "find the share that is not of this set", "the shares do not fit together")
	if t == 1 {
		copy(secret, points[0].y)
	} else {
		interpolate(secret, atSecret, points[:t])
		interpolate(other, atDigest, points[:t])
		if subtle.ConstantTimeCompare(digest(other[digestLen:], secret), other[:digestLen]) != 1 {
			clear(secret)
			return nil, wrong
		}
	}
	for _, p := range points[t:] {
		clear(other)
		interpolate(other, p.x, points[:t])
		if subtle.ConstantTimeCompare(other, p.y) != 1 {
			clear(secret)
			return nil, wrong
		}
	}
	return secret, nil
}
