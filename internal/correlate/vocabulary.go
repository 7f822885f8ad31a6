package correlate

// The words of the record (design §5). They are a contract.
const (
	DirectionInbound  = "inbound"
	DirectionOutbound = "outbound"
	DirectionUnknown  = "unknown"

	// StateEnded is a call's state when every leg that was seen is closed; before, it is the furthest state among the
	// open legs: ringing, alerting, answered, talking.
	StateEnded = "ended"

	BasisReported   Word = "reported"
	BasisInferred   Word = "inferred"
	BasisConflict   Word = "conflict"
	BasisNone       Word = "none"
	BasisTimeout    Word = "timeout"
	BasisManual     Word = "manual"
	BasisReconciled Word = "reconciled"

	LinkRoot     = "root"
	LinkCaller   = "caller_dialog_uuid"
	LinkCampaign = "campaign"

	DispositionAnswered    Word = "answered"
	DispositionSelfService Word = "self_service"
	DispositionAbandoned   Word = "abandoned"
	DispositionNoAnswer    Word = "no_answer"
	DispositionBusy        Word = "busy"
	DispositionRejected    Word = "rejected"
	DispositionFailed      Word = "failed"
	DispositionCancelled   Word = "cancelled"

	OutcomeAnswered          Word = "answered"
	OutcomeRejected          Word = "rejected"
	OutcomeBusy              Word = "busy"
	OutcomeNoAnswer          Word = "no_answer"
	OutcomeFailed            Word = "failed"
	OutcomeAnsweredElsewhere Word = "answered_elsewhere"
	OutcomeCallerLeft        Word = "caller_left"

	HangupSystem  Word = "system"
	HangupUnknown Word = "unknown"

	SideCaller Word = "caller"
	SideCallee Word = "callee"

	TransferBlind        = "blind"
	TransferConsultative = "consultative"
)
