package hd

import (
	"crypto/sha256"
	"errors"
	"slices"
	"sync"
	"syscall"
)

// The bounds of Source.
const (
	maxInterrupts = 1000 // signals during one call of the kernel
	maxRunBlock   = 12   // equal bytes in a row of a block of entropyRead bytes
)

// Source reads the kernel's generator and nothing else: on Linux getrandom(2) by
// its number with flags 0, which waits until the kernel has gathered its seed.
// There is no second generator behind it. What a failing one looks like is refused
// with entropy.source, and a Source that failed once fails for ever:
//
//   - an error, or fewer bytes than were asked for (getrandom gives up to 256
//     bytes whole);
//   - maxInterrupts interruptions one after the other;
//   - a block that repeats itself (periodic), as one of all zeros does, or holds
//     a run of 12 equal bytes;
//   - a block that is one of the last 64: a generator that is stuck, or that goes
//     round in a circle of up to 2 KiB.
//
// A sound generator is refused less than once in 2^83 blocks: by far the likeliest
// is the run. Only hashes of blocks are remembered. Goroutines may share it.
type Source struct {
	fill   func(b []byte) (int, error)
	mu     sync.Mutex
	seen   [64][sha256.Size]byte
	blocks int
	failed error
}

// NewSource gives the source that keys are made from.
func NewSource() *Source { return &Source{fill: getrandom} }

// Read fills b, or clears it and fails.
func (s *Source) Read(b []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	var spare [entropyRead]byte
	defer clear(spare[:])
	for rest := b; len(rest) > 0 && s.failed == nil; {
		block := spare[:]
		if len(rest) >= len(block) {
			block = rest[:len(block)]
		}
		s.failed = s.block(block)
		rest = rest[copy(rest, block):]
	}
	if s.failed != nil {
		clear(b)
		return 0, s.failed
	}
	return len(b), nil
}

// block fills b, of entropyRead bytes, with one call of the kernel.
func (s *Source) block(b []byte) error {
	clear(b) // what the kernel leaves as it is shows as zeros
	n, err := s.fill(b)
	for tries := 1; errors.Is(err, syscall.EINTR) && tries < maxInterrupts; tries++ {
		n, err = s.fill(b)
	}
	if err != nil {
		return badSource("the kernel gave no randomness: %w", err)
	}
	if n != len(b) {
		return badSource("the kernel gave %d bytes of randomness, not %d", n, len(b))
	}
	if periodic(b) || longestRun(b) >= maxRunBlock {
		return badSource("the random source repeats itself")
	}
	sum := sha256.Sum256(b)
	if slices.Contains(s.seen[:min(s.blocks, len(s.seen))], sum) {
		return badSource("the random source is stuck: it gave the same bytes twice")
	}
	s.seen[s.blocks%len(s.seen)] = sum
	s.blocks++
	return nil
}
