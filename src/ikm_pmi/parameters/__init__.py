"""One frozen parameter model a chapter. A name imported as itself is handed on."""

from ikm_pmi.parameters.base import ChapterParameters as ChapterParameters
from ikm_pmi.parameters.base import Episode as Episode
from ikm_pmi.parameters.base import allowed as allowed
from ikm_pmi.parameters.base import check_apart as check_apart
from ikm_pmi.parameters.base import is_assumed as is_assumed
from ikm_pmi.parameters.jobs_and_trust import ElasticityParameters as ElasticityParameters
from ikm_pmi.parameters.jobs_and_trust import ElasticitySpecification as ElasticitySpecification
from ikm_pmi.parameters.jobs_and_trust import JobsParameters as JobsParameters
from ikm_pmi.parameters.jobs_and_trust import PmiSpecification as PmiSpecification
from ikm_pmi.parameters.jobs_and_trust import RobustnessParameters as RobustnessParameters
from ikm_pmi.parameters.jobs_and_trust import ValidationParameters as ValidationParameters
from ikm_pmi.parameters.pmi import ClaimsParameters as ClaimsParameters
from ikm_pmi.parameters.pmi import Coding as Coding
from ikm_pmi.parameters.pmi import CounterfactualParameters as CounterfactualParameters
from ikm_pmi.parameters.pmi import CrossCountryParameters as CrossCountryParameters
from ikm_pmi.parameters.pmi import DataParameters as DataParameters
from ikm_pmi.parameters.pmi import ImpactParameters as ImpactParameters
from ikm_pmi.parameters.pmi import IntensityParameters as IntensityParameters
from ikm_pmi.parameters.pmi import RestrictionsParameters as RestrictionsParameters
from ikm_pmi.parameters.pmi import SyntheticParameters as SyntheticParameters
from ikm_pmi.parameters.pmi import YardsticksParameters as YardsticksParameters
