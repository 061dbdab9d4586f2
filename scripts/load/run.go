package load

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"strings"
)

// Run starts a server in a new home and attacks it.
func Run(ctx context.Context, program, home string, size Size) (Figures, error) {
	out, err := exec.CommandContext(ctx, program, "--home", home, "apikey", "create", "--name", "load", "--scope", "read", "--json").Output()
	if err != nil {
		return Figures{}, err
	}
	var key struct{ Key string }
	if err := json.Unmarshal(out, &key); err != nil {
		return Figures{}, err
	}
	cmd := exec.Command(program, "--home", home, "serve", "--listen", "127.0.0.1:0")
	pipe, err := cmd.StdoutPipe()
	if err != nil {
		return Figures{}, err
	}
	if err := cmd.Start(); err != nil {
		return Figures{}, err
	}
	defer func() {
		_ = cmd.Process.Signal(os.Interrupt)
		_ = cmd.Wait()
	}()
	line, err := bufio.NewReader(pipe).ReadString('\n')
	if err != nil {
		return Figures{}, fmt.Errorf("the server did not start: %w", err)
	}
	return Attack(ctx, strings.TrimSpace(strings.TrimPrefix(line, "listening on ")), key.Key, cmd.Process.Pid, size)
}
