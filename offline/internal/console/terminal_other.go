//go:build !linux

package console

import (
	"errors"
	"sync"
)

type undo struct{ sync.Mutex }

func (*undo) push(f func()) func() { return f }

func dropTyped(int) error { return errors.ErrUnsupported }

func silence(*undo, int) (func(), error) { return func() {}, errors.ErrUnsupported }

func hold(*undo, int) (func(), error) { return func() {}, errors.ErrUnsupported }
