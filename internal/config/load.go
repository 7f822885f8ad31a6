package config

// Sources is where a set-up comes from.
type Sources struct {
	// Environ is the environment as os.Environ gives it.
	Environ []string
	// Flags holds the values of the flags that were given, by key, in order.
	Flags map[string][]string
	// File is the path given by --config; "" takes the one in WEBHOOKD_CONFIG, and none if that is not set either.
	File string
}

// Load puts a set-up together and checks it. What is wrong with it is an *Error.
func Load(src Sources) (Config, error) {
	cfg := Default()
	env, err := readEnvironment(src.Environ)
	if err != nil {
		return Config{}, err
	}
	cfg.environ = src.Environ
	file, fileOrigin := src.File, "--config"
	if file == "" {
		file, fileOrigin = env.file, envFile
	}
	if file != "" {
		if err := cfg.applyFile(file, fileOrigin); err != nil {
			return Config{}, err
		}
	}
	for _, opt := range table {
		if values, ok := env.values[opt.key]; ok {
			if err := cfg.apply(opt, values, opt.env()); err != nil {
				return Config{}, err
			}
		}
	}
	for _, opt := range table {
		if values, ok := src.Flags[opt.key]; ok && len(values) > 0 {
			if err := cfg.apply(opt, values, "--"+opt.flag()); err != nil {
				return Config{}, err
			}
		}
	}
	cfg.environ = nil // it holds secrets that nobody asks for any more
	if err := cfg.Check(); err != nil {
		return Config{}, err
	}
	return cfg, nil
}

func (c *Config) apply(opt option, values []string, origin string) error {
	if err := opt.set(c, values); err != nil {
		return &Error{Key: opt.key, Origin: origin, Problem: err.Error()}
	}
	c.origins[opt.key] = origin
	return nil
}
