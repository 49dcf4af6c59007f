//! Tells the story: numbered steps, quoted texts, and a check mark for every checked result.

use std::cell::Cell;
use std::io::Write as _;
use std::time::Instant;

use crate::AnyError;

/// Prints to standard output and counts.
#[derive(Debug)]
pub struct Teller {
    begun: Instant,
    step: Cell<u32>,
    checks: Cell<u32>,
    out: std::io::Stdout,
}

impl Teller {
    /// Begins to tell.
    #[expect(clippy::disallowed_methods, reason = "the demo tells how long it took")]
    pub fn begin() -> Self {
        let teller = Self {
            begun: Instant::now(),
            step: Cell::new(0),
            checks: Cell::new(0),
            out: std::io::stdout(),
        };
        teller.say("Countersign: did this person, holding this key, see these words and agree?\n");
        teller
    }

    /// A sentence.
    pub fn say(&self, sentence: &str) {
        self.line(format_args!("{sentence}"));
    }

    /// The next step of the story.
    pub fn step(&self, title: &str) {
        self.step.set(self.step.get() + 1);
        self.line(format_args!("\n── {:>2}  {title}", self.step.get()));
    }

    /// A text as somebody sees it, framed.
    pub fn quote(&self, who: &str, text: &str) {
        self.line(format_args!("   ┌ {who}"));
        for line in text.lines() {
            self.line(format_args!("   │ {line}"));
        }
        self.line(format_args!("   └"));
    }

    /// Anything of several lines, as it is.
    pub fn picture(&self, picture: &str) {
        for line in picture.lines() {
            self.line(format_args!("   {line}"));
        }
    }

    /// Checks a result: what holds is ticked, what does not hold ends the demo.
    pub fn check(&self, what: &str, holds: bool) -> Result<(), AnyError> {
        if !holds {
            return Err(format!("step {}: expected that {what}", self.step.get()).into());
        }
        self.checks.set(self.checks.get() + 1);
        self.line(format_args!("   ✓ {what}"));
        Ok(())
    }

    /// Ends.
    pub fn end(&self) {
        let seconds = self.begun.elapsed().as_secs_f64();
        self.line(format_args!(
            "\nThe story holds: {} steps, {} checks, {seconds:.1} s. Nothing is left running.",
            self.step.get(),
            self.checks.get()
        ));
    }

    /// One line. A reader who has gone away does not stop the story.
    fn line(&self, text: std::fmt::Arguments<'_>) {
        writeln!(&self.out, "{text}").ok();
    }
}
