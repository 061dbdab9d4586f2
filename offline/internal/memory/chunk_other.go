//go:build !linux || !(amd64 || arm64)

package memory

import "coldsign/shared/fault"

type chunk struct{ data []byte }

func newChunk(size int) (*chunk, error) {
	return nil, fault.New("memory.lock", "use Linux", "cannot lock %d KiB of memory for keys on this system", size>>10)
}

func (c *chunk) close() {}
