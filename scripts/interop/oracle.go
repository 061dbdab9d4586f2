// Package interop asks other people's implementations of UR, BBQr, SLIP-39 and
// Bitcoin Cash: the npm packages @ngraveio/bc-ur, @keystonehq/bc-ur-registry with
// -eth and -sol, bbqr, slip39, and @bitauth/libauth, behind oracle.mjs.
//
//	o, err := interop.Start() // install.sh has put them into .cache
//	defer o.Close()
//	var parts []string
//	err = o.Ask(interop.Question{"do": "frames", "type": "bytes", ...}, &parts)
package interop

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
)

// Oracle is the running process. It answers one question at a time.
type Oracle struct {
	cmd *exec.Cmd
	in  io.WriteCloser
	out *bufio.Reader
}

// Question is a line of what oracle.mjs reads.
type Question map[string]any

// folder is that of this package, found from the working directory: with -trimpath a
// program does not know where it was built.
func folder() (string, error) {
	dir, err := os.Getwd()
	if err != nil {
		return "", err
	}
	for ; ; dir = filepath.Dir(dir) {
		here := filepath.Join(dir, "scripts/interop")
		if _, err := os.Stat(filepath.Join(here, "oracle.mjs")); err == nil {
			return here, nil
		}
		if dir == filepath.Dir(dir) {
			return "", errors.New("no scripts/interop/oracle.mjs above the working directory: not inside the repository")
		}
	}
}

// Start starts node. The process ends with the program that started it, at the
// latest, for then its input ends.
func Start() (*Oracle, error) {
	here, err := folder()
	if err != nil {
		return nil, err
	}
	cache := os.Getenv("COLDSIGN_CACHE")
	if cache == "" {
		cache = filepath.Join(here, "../../.cache")
	}
	modules, err := filepath.Abs(filepath.Join(cache, "interop"))
	if err != nil {
		return nil, err
	}
	if _, err := os.Stat(filepath.Join(modules, "installed")); err != nil {
		return nil, errors.New("other people's UR, BBQr, SLIP-39 and Bitcoin Cash are not installed; run scripts/interop/install.sh")
	}
	cmd := exec.Command("node", filepath.Join(here, "oracle.mjs"))
	cmd.Env = append(os.Environ(), "MODULES="+modules)
	cmd.Stderr = os.Stderr
	in, err := cmd.StdinPipe()
	if err != nil {
		return nil, err
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	if err := cmd.Start(); err != nil {
		return nil, fmt.Errorf("node does not start (%w); run scripts/interop/install.sh", err)
	}
	return &Oracle{cmd, in, bufio.NewReaderSize(out, 1<<20)}, nil
}

// Refusal is what the package that was asked says.
type Refusal string

func (r Refusal) Error() string { return "the reference refuses: " + string(r) }

// Ask puts a question, and reads the result of the answer into result. An error
// that the package raises is a Refusal.
func (o *Oracle) Ask(q Question, result any) error {
	line, err := json.Marshal(q)
	if err != nil {
		return err
	}
	if _, err := o.in.Write(append(line, '\n')); err != nil {
		return fmt.Errorf("the reference has ended: %w", err)
	}
	if line, err = o.out.ReadBytes('\n'); err != nil {
		return fmt.Errorf("the reference has ended: %w", err)
	}
	var answer struct {
		Result json.RawMessage
		Error  string
	}
	if err := json.Unmarshal(line, &answer); err != nil {
		return err
	}
	if answer.Error != "" {
		return Refusal(answer.Error)
	}
	return json.Unmarshal(answer.Result, result)
}

// Close ends the process.
func (o *Oracle) Close() error {
	o.in.Close()
	return o.cmd.Wait()
}
